/*
 * source - where verbs that only read get what they show: from a daemon, or from a dump of one
 *
 * Role:       a table of questions. Verbs ask, and do not know whom.
 * Uses:       cli.h
 * Invariants: S1  what is asked twice of a dump is answered alike; whatever a daemon would have answered at the time of the dump.
 *
 * Each question returns 0 or a status, and says in @call why, as the calls of paclient.h of the same names do. Lists belong to
 * the source and live as long, but for the usage map: that lives until the next one is asked for.
 */
#ifndef PACLIENT_CLI_SOURCE_H
#define PACLIENT_CLI_SOURCE_H

#include "client/cli/cli.h"

struct source;

/* Which ranges of a region. */
enum source_ranges {
	SOURCE_GROWN,
	SOURCE_RESERVED,
	SOURCE_DRAINED,
};

struct source_ops {
	int (*regions)(struct source *s, const struct paclient_region_list **ret,
		       struct paclient_call *call);
	int (*region_by_name)(struct source *s, const char *name, struct paclient_region *ret,
			      struct paclient_call *call);
	int (*ranges)(struct source *s, uint32_t region_id, enum source_ranges which,
		      const struct paclient_range_list **ret, struct paclient_call *call);
	int (*stat_daemon)(struct source *s, struct paclient_daemon_stat *ret,
			   struct paclient_call *call);
	int (*stat_region)(struct source *s, uint32_t region_id, struct paclient_region_stat *ret,
			   struct paclient_call *call);
	int (*free_runs)(struct source *s, uint32_t region_id, struct paclient_free_runs *ret,
			 struct paclient_call *call);
	int (*usage_map)(struct source *s, uint32_t region_id, uint64_t addr, uint64_t npages,
			 uint32_t ncells, const struct paclient_usage **ret,
			 struct paclient_call *call);
	/* Of each cell of the last usage map, free pages without memory behind them; NULL: that is not known. */
	const uint64_t *(*scavenged)(const struct source *s);
	int (*lookup)(struct source *s, uint32_t region_id, const char *name,
		      struct paclient_extent *ret, struct paclient_call *call);
	int (*list_each)(struct source *s, uint32_t region_id,
			 const struct paclient_list_filter *filter, paclient_extent_fn *each,
			 void *ctx, struct paclient_call *call);
	/* Of these three a region's, or with the id 0 the daemon's. */
	int (*sessions)(struct source *s, uint32_t region_id,
			const struct paclient_session_list **ret, struct paclient_call *call);
	int (*quotas)(struct source *s, uint32_t region_id, const struct paclient_quota_list **ret,
		      struct paclient_call *call);
	int (*users)(struct source *s, uint32_t region_id, const struct paclient_user_list **ret,
		     struct paclient_call *call);
	int (*why)(struct source *s, uint32_t region_id, uint64_t npages,
		   const struct paclient_placement *where, struct paclient_why *ret,
		   struct paclient_call *call);
	int (*fit)(struct source *s, uint32_t region_id, uint64_t npages,
		   const struct paclient_placement *where, uint64_t *ret_nextents,
		   struct paclient_call *call);
	int (*check)(struct source *s, uint32_t region_id, const struct paclient_findings **ret,
		     struct paclient_call *call);
	void (*close)(struct source *s);
};

/* What there is to know without asking. */
struct source {
	const struct source_ops *ask;
	const char *server;     /* name and version of the daemon */
	uint64_t session_id;    /* of who asks, or has asked for the dump; */
	uint32_t uid;           /* and that user */
	size_t batch_max;       /* extents that one batch may have */
	const char *uncompared; /* why check() may not have compared what is written */
};

/* --from, or else the daemon. Return: 0 or an exit code, already told. */
MUST_CHECK int source_open(const struct cli *cli, struct source **ret);
void source_closep(struct source **s);
/* The region of that name; @ret->size need not be set. Return: 0 or an exit code, already told. */
MUST_CHECK int source_region(const struct cli *cli, struct source *s, const char *name,
			     struct paclient_region *ret);

/* The two that there are. Each returns 0 or an exit code, already told. */
MUST_CHECK int source_live_open(const struct cli *cli, struct source **ret);
MUST_CHECK int source_dump_open(const struct cli *cli, const char *path, struct source **ret);

/* The same for those who tell nothing: @pa is the source's; NULL: there was no memory, and @pa is closed. */
struct source *source_live_new(paclient *pa);
/* @ret_wrong: DUMP_WRONG_BYTES. Return: 0; -1: @ret_wrong says why not. */
MUST_CHECK int source_dump_read(const char *path, struct source **ret, char *ret_wrong);

#endif
