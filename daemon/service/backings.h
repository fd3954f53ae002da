/*
 * backings - what stands behind the regions' addresses is opened, and explained where it is not
 *
 * Role:       from a region's configuration to its backing; says in the log what is there, what is wrong and what is risky.
 * Uses:       base/, backing/, service/config.h
 */
#ifndef PALLOCD_SERVICE_BACKINGS_H
#define PALLOCD_SERVICE_BACKINGS_H

#include "service/config.h"

/* A file or device that some region lies in. */
struct backings_file {
	uint64_t device, inode;
	const char *region;
};

/* Those that are open. Zero-initialised; names are the configuration's. */
struct backings {
	struct backings_file *files;
	size_t nfiles;
};

enum backings_outcome { BACKINGS_E_REFUSED = 1 /* the log says why; the region is left out */ };

/**
 * backings_open() - @r's, NULL where it shall have none; to be closed by the caller
 * @fd: memory of before (see backing_adopt()), -1: none; taken on 0
 *
 * One file is for one region: two would hand it out twice.
 * Return: 0, BACKINGS_E_REFUSED, -ENOMEM.
 */
MUST_CHECK int backings_open(struct backings *all, const struct config_region *r, int fd,
			     struct backing **ret_backing);

/** backings_note() - @r has @b already, which is open, or NULL. Return: 0, BACKINGS_E_REFUSED, -ENOMEM. */
MUST_CHECK int backings_note(struct backings *all, const struct config_region *r,
			     const struct backing *b);

/** backings_refuse() - say in the log that @r is left out, because of @why. Returns BACKINGS_E_REFUSED. */
int backings_refuse(const struct config_region *r, const char *why);
void backings_deinit(struct backings *all);

#endif
