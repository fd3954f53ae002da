/*
 * config - what the daemon is told: by file, by options, by default
 *
 * Role:       one table of keys for the file and for --region, one for [Daemon]; every value checked where it is read, so that each complaint can
 *             name its place and the remedy. Complaints go to the log.
 * Uses:       base/, backing/, region/, net/, libinih
 */
#ifndef PALLOCD_SERVICE_CONFIG_H
#define PALLOCD_SERVICE_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "backing/backing.h"
#include "base/log.h"
#include "base/macros.h"
#include "net/socket.h"
#include "region/region.h"
#include "region/session.h"
#include "service/config_told.h"
#include "service/options.h"

/* The client library looks for the daemon there too. */
#define CONFIG_SOCKET_DEFAULT "/run/pallocd/pallocd.sock"
#define CONFIG_FILE_DEFAULT "/etc/pallocd/pallocd.conf"
#define CONFIG_SOCKET_MODE_DEFAULT 0660
#define CONFIG_PAGE_SIZE_DEFAULT 4096u
#define CONFIG_RESTART_GRACE_DEFAULT_MSEC 30000u

/* Where a region or value was told; long paths are cut, the end matters less than the beginning of a message. */
#define CONFIG_WHERE_BYTES 512

struct config_value;

struct config_region {
	struct region_config config;   /* its backing is not open yet */
	struct backing_config backing; /* what to open; kind NONE: nothing */
	enum backing_kind backing_told;
	char where[CONFIG_WHERE_BYTES];
	unsigned
		keys_set; /* by the place that is being read: a bit for each row of the key table */
	unsigned keys_ever; /* the same of all places */
	bool by_option;
	bool over;         /* there was a place before the one that is being read */
	unsigned nth_file; /* the one that is being read, or the last one that told something */
	struct config_tolds told; /* by row of the key table */
	unsigned low_percent;     /* of the limit, when all is read; 0: low_bytes is it */
};

struct config {
	char socket[SOCKET_PATH_BYTES];
	mode_t socket_mode;
	uint32_t connections_max; /* 0: as many as the limit of descriptors allows */
	enum log_level log_level;
	struct user_limits user_limits;
	uint64_t hello_timeout_msec, frame_timeout_msec, send_timeout_msec;
	/* Where what outlives the daemon is kept; "": keep.h knows where. */
	char store_dir[PATH_MAX], state_dir[PATH_MAX];
	uint64_t restart_grace_msec; /* sessions of before may be resumed so long after a start */
	struct config_region *regions;
	size_t nregions;
	struct config_tolds told; /* of the keys of [Daemon], by row of their table */
	unsigned nfiles;          /* that have been read, or are being read */
};

enum config_outcome {
	CONFIG_E_BAD = 1 /* something is wrong; the log says where, what and the remedy */
};

/**
 * config_load() - the file that the options name, or the default one, with what lies beside it (config_files.c), or what is built in; then the options on top
 *
 * Without --config, what there is of CONFIG_FILE_DEFAULT and beside it is read, and the built-in configuration where there is nothing; neither if
 * --region is given.
 * Return: 0, CONFIG_E_BAD, -ENOMEM. Given back with config_deinit(), which takes zeroed and half-made ones.
 */
MUST_CHECK int config_load(struct config *c, const struct options *o);
void config_deinit(struct config *c);

/**
 * config_read() - one INI file into @c, over what was read before: key by key, lists become longer
 * @name:   for complaints
 * @region: the file is about this region alone, in one section [Region]; NULL: about anything
 *
 * Return: 0, CONFIG_E_BAD, -ENOMEM.
 */
MUST_CHECK int config_read(struct config *c, FILE *file, const char *name, const char *region);

/**
 * config_files_read() - @path, then PATH.d/NAME.conf beside it in the order of their bytes, then regions.d/NAME.region
 * @must: @path must be there
 * @ret_nfiles: how many there were
 *
 * Return: 0, CONFIG_E_BAD, -ENOMEM.
 */
MUST_CHECK int config_files_read(struct config *c, const char *path, bool must, size_t *ret_nfiles);

/** config_print() - all that is in force, as a file that can be read again, with the source of each value. Return: 0; -EIO: it cannot be written. */
MUST_CHECK int config_print(const struct config *c, FILE *out);

/** config_note() - the complaint for config_complaint() alone. */
void config_note(const char *where, const char *fmt, ...) PRINTF_LIKE(2, 3);

/**
 * config_complain() - into the log: "@where: …", with the file and the line as fields. Returns CONFIG_E_BAD.
 *
 * config_value_complain() and config_region_complain() do the same for a value, with its key and region, and for a region as a whole.
 */
int config_complain(const char *where, const char *fmt, ...) PRINTF_LIKE(2, 3);
int config_value_complain(const struct config_value *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
int config_region_complain(const struct config_region *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Which line of which file; "" and 0 where an option, or nobody, has told it. */
struct config_place {
	char file[CONFIG_WHERE_BYTES];
	unsigned long long line;
};

/** config_place() - of @where, which is for people. */
void config_place(const char *where, struct config_place *ret);

/** config_complaint() - the last one; static. */
const char *config_complaint(void);

/** config_region_find() - by name; NULL. config_region_add() - with defaults; NULL without memory. */
struct config_region *config_region_find(const struct config *c, const char *name);
struct config_region *config_region_add(struct config *c, const char *name, const char *where);

/**
 * config_region_set() - one value of a region
 * @by_option: @key is as --region spells it, else as the file does
 *
 * Each key comes once in a place, but for reserved ranges and rules, which may come REGION_HOLES_MAX and ACCESS_RULES_MAX times, and are forgotten
 * where the value is empty.
 * Return: 0, CONFIG_E_BAD, -ENOMEM.
 */
MUST_CHECK int config_region_set(struct config_region *r, const char *where, const char *key,
				 const char *value, bool by_option);

/** config_region_override() - what follows are @where's values, an option's or another file's, over those of before. Return: 0, CONFIG_E_BAD: those contradict each other. */
MUST_CHECK int config_region_override(struct config_region *r, const char *where, bool by_option);

/** config_region_finish() - when all is read: what depends on several keys is worked out and checked. Return: 0, CONFIG_E_BAD. */
MUST_CHECK int config_region_finish(struct config_region *r);

/** config_durability_name() - as Durability= spells it; static. */
const char *config_durability_name(enum region_durability d);

/** config_daemon_set() - one value of [Daemon], by its key in the file. Return: 0, CONFIG_E_BAD. */
MUST_CHECK int config_daemon_set(struct config *c, const char *where, const char *key,
				 const char *value, unsigned *keys_set);

/** config_region_key(), config_daemon_key() - the keys that there are, from 0, for a test of the manual. Return: false behind the last. */
bool config_region_key(size_t i, const char **ret_in_file, const char **ret_in_option);
bool config_daemon_key(size_t i, const char **ret_in_file);

/** config_region_default(), config_daemon_default() - of the @i-th key, as a file would say it; NULL: it must be told, or there is no word for it. Static. */
const char *config_region_default(size_t i);
const char *config_daemon_default(size_t i);

/** config_region_means() - may a file say the default of the @i-th key for this region? Not what is about memory where there is none, nor what is told otherwise. */
bool config_region_means(const struct config_region *r, size_t i);

/** The configuration that is built in, as text. */
extern const char config_builtin[];

#endif
