/*
 * keep - what outlives the daemon: where its store is, and which memory comes back
 *
 * Role:       finds the store's folders and opens it; says for each region whether it may begin, with which memory, and whether what is written about
 *             it still holds; hands memory to the service manager.
 * Uses:       base/, backing/, region/, store/, service/config.h, service/manager.h
 * Invariants: V1  a region whose extents are known begins with the memory that they are in, or with all of them void.
 *             V2  the manager keeps memory of a generation only when the store says that it is this one's.
 */
#ifndef PALLOCD_SERVICE_KEEP_H
#define PALLOCD_SERVICE_KEEP_H

#include "base/macros.h"
#include "region/session.h"
#include "service/config.h"
#include "service/manager.h"
#include "store/store.h"

/* Folders of the store; "": there is none. */
struct keep_folders {
	char process[PATH_MAX];
	char machine[PATH_MAX];
};

struct keep {
	struct manager_handed handed;
	struct keep_folders folders;
	struct store *store;          /* NULL: nothing outlives the daemon */
	struct store_region *regions; /* by region, from [0] */
	bool *new_memory;             /* the same: it is to be handed to the manager */
	size_t size;
};

/**
 * keep_folders_find() - where @c wants the store, or where it is by default
 * @listen_fd: the inherited socket, or -1
 *
 * The process' store: StoreDirectory=, else $RUNTIME_DIRECTORY/store (its first entry), else beside the socket, "SOCKET.store"; an
 * inherited socket without a path has none. The machine's: StateDirectory=, else $STATE_DIRECTORY/store. Either only where
 * some region wants it; or, where all want the other one, if it is there already: regions move from one to the other.
 */
void keep_folders_find(const struct config *c, int listen_fd, struct keep_folders *ret);

/**
 * keep_open() - take over what the manager has handed over, and open the store
 *
 * Return: 0, or something else, and the log says what and what to do. Given back with keep_close() in any case.
 */
MUST_CHECK int keep_open(struct keep *k, const struct config *c);
void keep_close(struct keep *k);

/* What a region begins with. */
struct keep_begin {
	enum region_durability durability; /* not what is configured where there is no store */
	uint64_t generation;               /* 0: the region is a new one */
	struct manager_memory *memory;     /* of before; NULL: none */
};

enum keep_outcome { KEEP_E_REFUSED = 1 /* the text says why */ };

/** keep_begin() - with what can @r begin? @why receives a sentence. Return: 0, KEEP_E_REFUSED. */
MUST_CHECK int keep_begin(const struct keep *k, const struct config_region *r,
			  struct keep_begin *ret, char *why, size_t size);

/** keep_added() - @rs has the region now, the last one. Return: 0, -ENOMEM. */
MUST_CHECK int keep_added(struct keep *k, const struct regions *rs, const struct keep_begin *b);

/**
 * keep_may_add() - as keep_begin() would be asked, while the daemon runs: is the store there that @r needs?
 * @c: with @r
 *
 * Return: 0, KEEP_E_REFUSED, and @why says what to do.
 */
MUST_CHECK int keep_may_add(const struct keep *k, const struct config *c,
			    const struct config_region *r, char *why, size_t size);

/**
 * keep_add() - @rs has the region now, the last one, while the daemon runs: it gets what is written, and is kept from now on
 *
 * Return: 0; STORE_E_WRONG, STORE_E_BUSY of store_add(); a negative errno. Its memory is handed over by keep_memory().
 */
MUST_CHECK int keep_add(struct keep *k, const struct regions *rs, const struct keep_begin *b);

/** keep_memory() - hand new memory of the regions from table entry @from on to the manager. */
void keep_memory(const struct keep *k, const struct regions *rs, uint32_t from);

/** keep_drop() - @r is about to be closed: neither store nor manager keep anything of it. */
void keep_drop(struct keep *k, const struct region *r);

/**
 * keep_load() - all regions are there: they get what is written, and are kept from now on; so is their memory
 *
 * Return: 0, a negative errno; the log has it.
 */
MUST_CHECK int keep_load(struct keep *k, struct regions *rs, uint64_t until_usec);

#endif
