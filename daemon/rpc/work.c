/*
 * work - what is done between requests: for ended sessions, for who waits, and what the clock says is due
 *
 * Role:       see rpc.h.
 * Uses:       base/, region/, rpc/call.h
 */
#include "base/clock.h"
#include "rpc/scavenger.h"

/* Extents that are given back between two looks at the clock: some 10 us. */
#define SLICE_EXTENTS 64u

static void dump_line(void *ctx, const char *line)
{
	const struct region *r = ctx;

	log_event(LOG_LEVEL_ERROR, LOG_ID_NONE, LOG_FIELDS(ABOUT_REGION(r->name)), "region %s: %s",
		  r->name, line);
}

void faults_report(const struct rpc *rpc)
{
	for (uint32_t i = 0; i < rpc->regions->n; i++) {
		struct region *r = rpc->regions->table[i];

		if (!r->faulted || r->fault_reported)
			continue;
		r->fault_reported = true;
		log_event(LOG_LEVEL_ERROR, LOG_ID_REGION_FAULTED,
			  LOG_FIELDS(ABOUT_REGION(r->name),
				     ABOUT_STATUS(pallocd_status_name(PALLOCD_FAULTED))),
			  "region %s is closed, its state is inconsistent: %s; the other regions "
			  "go on",
			  r->name, r->fault);
		region_dump(r, dump_line, r);
	}
}

bool work_reclaim(struct rpc *rpc)
{
	uint64_t now = clock_usec(), end = now + rpc->work_usec;
	bool finished;

	do {
		finished = regions_reclaim(rpc->regions, SLICE_EXTENTS, now);
		now = clock_usec();
	} while (!finished && now < end);
	return finished;
}

bool rpc_work(struct rpc *rpc)
{
	bool finished = work_reclaim(rpc);

	faults_report(rpc);
	waiters_wake(rpc);
	return finished;
}

uint64_t rpc_expire(struct rpc *rpc)
{
	uint64_t now = clock_usec(), sessions = regions_expire(rpc->regions, now);
	uint64_t waits = waiters_expire(rpc, now), scavenge = scavengers_run(rpc, now);
	uint64_t commits = commits_retry(rpc, now), recalls = recalls_run(rpc, now);
	uint64_t next = sessions < waits ? sessions : waits;

	next = next < recalls ? next : recalls;
	next = next < scavenge ? next : scavenge;
	return next < commits ? next : commits;
}
