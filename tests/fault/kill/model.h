/*
 * model - what was acknowledged to each client
 *
 * Role:       a table in memory that all processes of the test share: who holds which pages by which name. A client marks what it is about to change
 *             as busy, asks the daemon, and changes the table when it has the answer. So what is not busy is what the daemon has said; and while all
 *             clients are parked, nothing is busy.
 * Uses:       libpaclient
 */
#ifndef PALLOCD_TESTS_FAULT_MODEL_H
#define PALLOCD_TESTS_FAULT_MODEL_H

#include <paclient.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MODEL_CLIENTS 8
#define MODEL_THREADS 2 /* of each client, so that several of its requests are in flight */
#define MODEL_EXTENTS 4096
#define MODEL_SHARES 3
#define MODEL_NAME_BYTES 24

/* The daemon is given them in this order: ids from 1. */
enum model_region {
	REGION_PROCESS, /* outlives the daemon */
	REGION_MACHINE, /* outlives the system */
	REGION_GROWS,   /* the same as the first; grown by request alone */
	MODEL_REGIONS,
};

struct model_extent {
	bool used, busy;
	enum model_region region;
	uint64_t addr, npages;
	unsigned owner;                /* client */
	unsigned shares[MODEL_SHARES]; /* clients, oldest first */
	unsigned nshares;
	char name[MODEL_NAME_BYTES]; /* "": none */
	unsigned by;                 /* enum model_op: what made it what it is */
};

/* What clients do. */
#define MODEL_OPS(X)            \
	X(ALLOC, "alloc")       \
	X(BATCH, "alloc batch") \
	X(FREE, "free")         \
	X(FREES, "free batch")  \
	X(PART, "partial free") \
	X(RESIZE, "resize")     \
	X(SPLIT, "split")       \
	X(JOIN, "join")         \
	X(NAME, "name")         \
	X(HANDOVER, "handover") \
	X(SHARE, "share")       \
	X(RELEASE, "release")   \
	X(GROW, "grow")

enum model_op {
#define MODEL_OP_ID(id, text) OP_##id,
	MODEL_OPS(MODEL_OP_ID)
#undef MODEL_OP_ID
		MODEL_NOPS,
};

struct model {
	pthread_mutex_t lock; /* of all that follows; shared between processes */
	pthread_cond_t parked_cond, go_cond;
	bool pause, stop, failed;
	unsigned nparked, nready;
	uint64_t sessions[MODEL_CLIENTS];
	unsigned nheld[MODEL_CLIENTS];
	uint64_t grown_npages; /* of REGION_GROWS */
	uint64_t counts[MODEL_NOPS], reconnects;
	struct model_extent extents[MODEL_EXTENTS];
};

#define MUST(condition, ...)                                            \
	do {                                                            \
		if (!(condition)) {                                     \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
			fprintf(stderr, __VA_ARGS__);                   \
			fputc('\n', stderr);                            \
			abort();                                        \
		}                                                       \
	} while (0)

/** model_op_name() - of enum model_op. Static string. */
const char *model_op_name(unsigned op);

/** model_new() - in shared memory, for this process and its children. */
struct model *model_new(void);

/** model_add() - with the lock held. Return: the entry. */
struct model_extent *model_add(struct model *m, const struct model_extent *e);

/** model_remove() - with the lock held. */
void model_remove(struct model *m, struct model_extent *e);

/**
 * model_compare() - does the daemon hold exactly what the model says?
 * @exact: nothing is in progress; else what is busy may be as before or after, or, where it is new, there or not
 *
 * Fails with a line for each difference. Takes the lock.
 */
void model_compare(struct model *m, paclient *client, bool exact);

#endif
