/*
 * commit - what has changed is written down before anybody is told
 *
 * Role:       see rpc.h. What needs no sync is written at once, on the loop. What does is gathered into a batch, which a thread writes; what changes
 *             meanwhile goes into the next batch, all of it, so that many connections share one sync. What fails is tried again until it
 *             works; nothing that is noted is ever given up.
 * Uses:       base/, store/, rpc/call.h
 * Invariants: C1  numbers are done in order: a batch begins only when the one before it is written.
 *             C2  pending: commit_last is the number of what is noted, and in no batch.
 *             C3  retry_usec is set exactly where something is failing.
 */
#include <string.h>

#include "base/clock.h"
#include "rpc/call.h"
#include "store/store.h"

/* So long between two tries of what has failed. */
#define RETRY_USEC UINT64_C(200000)

static const char *const durability_names[] = {
	[REGION_DURABILITY_NONE] = "none",
	[REGION_DURABILITY_PROCESS] = "process",
	[REGION_DURABILITY_MACHINE] = "machine",
};

const char *durability_name(enum region_durability d)
{
	return durability_names[d];
}

void commits_init(struct rpc *rpc)
{
	rpc->commit.rpc = rpc;
	rpc->commit.retry_usec = UINT64_MAX;
}

int commit_failing(const struct rpc *rpc, enum region_durability d)
{
	if (d == REGION_DURABILITY_NONE)
		return 0;
	/* What needs a sync is gathered where what needs none is written: the one waits for the other. */
	return rpc->failing[d] ? rpc->failing[d] : rpc->failing[REGION_DURABILITY_PROCESS];
}

/* How it went. Where it fails, the next try is due in a while. */
static void outcome_set(struct rpc *rpc, enum region_durability d, int err)
{
	if (LIKELY(!err && !rpc->failing[d]))
		return;
	if (!rpc->failing[d])
		log_event(LOG_LEVEL_ERROR, LOG_ID_STORE_FAILING,
			  LOG_FIELDS(ABOUT_STATUS(pallocd_status_name(PALLOCD_STORE_FAILED)),
				     ABOUT_ERRNO(-err)),
			  "store of durability %s: changes cannot be written down: %s; they are "
			  "refused until they can be, which is tried again and again",
			  durability_name(d), strerror(-err));
	else if (!err)
		log_event(LOG_LEVEL_INFO, LOG_ID_STORE_WORKS, NULL,
			  "store of durability %s: changes are written down again",
			  durability_name(d));
	rpc->failing[d] = err;
	rpc->refusing = rpc->failing[REGION_DURABILITY_PROCESS] ||
			rpc->failing[REGION_DURABILITY_MACHINE];
	rpc->commit.retry_usec = rpc->refusing ? clock_usec() + RETRY_USEC : UINT64_MAX;
}

static void done_set(struct rpc *rpc, uint64_t number)
{
	rpc->commit_done = number;
	if (rpc->ops && rpc->ops->committed)
		rpc->ops->committed(rpc);
}

/* C2: what is noted is written later. */
static void pending_set(struct rpc *rpc)
{
	rpc->regions->changed = false;
	if (rpc->commit.pending)
		return;
	rpc->commit.pending = true;
	rpc->commit_last++;
}

static void on_work(struct rpc_job *job)
{
	struct rpc_commit *c = CONTAINER_OF(job, struct rpc_commit, job);

	c->err = store_batch_write(c->batches[0]);
}

static void batch_begin(struct rpc *rpc);

/* C1 */
static void batch_end(struct rpc *rpc)
{
	struct rpc_commit *c = &rpc->commit;
	uint64_t number = c->numbers[0];

	c->working = false;
	outcome_set(rpc, REGION_DURABILITY_MACHINE, c->err);
	if (c->err)
		return;
	store_batch_free(c->batches[0]);
	c->nbatches--;
	for (unsigned i = 0; i < c->nbatches; i++) {
		c->batches[i] = c->batches[i + 1];
		c->numbers[i] = c->numbers[i + 1];
	}
	done_set(rpc, number);
	if (c->nbatches)
		batch_begin(rpc);
}

static void noted_go_on(struct rpc *rpc);

static void on_done(struct rpc_job *job)
{
	struct rpc_commit *c = CONTAINER_OF(job, struct rpc_commit, job);

	/* The daemon stops: the loop has time now. */
	if (job->cancelled)
		on_work(job);
	batch_end(c->rpc);
	noted_go_on(c->rpc);
}

static void batch_begin(struct rpc *rpc)
{
	struct rpc_commit *c = &rpc->commit;

	c->job = (struct rpc_job){.work = on_work, .done = on_done};
	if (!c->stopping && rpc->ops && rpc->ops->submit && !rpc->ops->submit(rpc, &c->job)) {
		c->working = true;
		return;
	}
	on_work(&c->job);
	batch_end(rpc);
}

static void batch_add(struct rpc *rpc, struct store_batch *batch, uint64_t number)
{
	struct rpc_commit *c = &rpc->commit;

	if (c->nbatches < 2 || store_batch_join(c->batches[c->nbatches - 1], batch))
		c->batches[c->nbatches++] = batch;
	c->numbers[c->nbatches - 1] = number;
	if (c->nbatches == 1)
		batch_begin(rpc);
}

/* There may be one more batch, whatever can be joined. */
static bool may_gather(const struct rpc *rpc)
{
	return rpc->commit.nbatches < ARRAY_SIZE(rpc->commit.batches);
}

/*
 * Write what is noted: at once where that can be, else with the next batch, or later. Return: 0: all of it is where it has to be; else its number, which may be
 * done all the same.
 */
static uint64_t noted_write(struct rpc *rpc)
{
	struct rpc_commit *c = &rpc->commit;
	struct store_batch *batch = NULL;
	uint64_t number;
	int err;

	err = store_commit(rpc->store, &batch);
	outcome_set(rpc, REGION_DURABILITY_PROCESS, err);
	if (err) {
		pending_set(rpc);
		return rpc->commit_last;
	}
	rpc->regions->changed = false;
	if (!batch && !c->pending)
		return 0;
	number = c->pending ? rpc->commit_last : ++rpc->commit_last;
	c->pending = false;
	if (batch)
		batch_add(rpc, batch, number);
	else if (c->nbatches)
		c->numbers[c->nbatches - 1] = number;
	else
		done_set(rpc, number);
	return number;
}

/* What is noted, and could not be written when it was. */
static void noted_go_on(struct rpc *rpc)
{
	if (!rpc->commit.pending || !may_gather(rpc))
		return;
	rpc->regions->changed = true;
	(void)noted_write(rpc);
}

uint64_t rpc_commit_changes(struct rpc *rpc)
{
	struct rpc_commit *c = &rpc->commit;
	bool repeated = c->repeated, refusing = rpc->refusing;
	bool process_failing = rpc->failing[REGION_DURABILITY_PROCESS];
	uint64_t number;

	if (!rpc->store)
		return 0;
	c->repeated = false;
	if (UNLIKELY(process_failing || !may_gather(rpc))) {
		pending_set(rpc);
		number = rpc->commit_last;
	} else {
		number = noted_write(rpc);
	}
	if (repeated)
		number = rpc->commit_last;
	else if (refusing && (process_failing || !rpc->failing[REGION_DURABILITY_PROCESS]))
		/* Requests that would change a region were refused: what is noted are sessions, which begin and end all the same. */
		return 0;
	return number > rpc->commit_done ? number : 0;
}

uint64_t commits_retry(struct rpc *rpc, uint64_t now_usec)
{
	struct rpc_commit *c = &rpc->commit;

	if (LIKELY(c->retry_usec == UINT64_MAX) || now_usec < c->retry_usec)
		return c->retry_usec;
	c->retry_usec = now_usec + RETRY_USEC;
	if (c->nbatches && !c->working)
		batch_begin(rpc);
	noted_go_on(rpc);
	return c->retry_usec;
}

bool rpc_committing(const struct rpc *rpc)
{
	return rpc->commit.working;
}

void rpc_stop(struct rpc *rpc)
{
	struct rpc_commit *c = &rpc->commit;

	if (!rpc->store)
		return;
	c->stopping = true;
	if (c->nbatches && !c->working)
		batch_begin(rpc);
	rpc->regions->changed |= c->pending;
	if (rpc->regions->changed && may_gather(rpc))
		(void)noted_write(rpc);
	if (rpc->refusing)
		log_event(LOG_LEVEL_ERROR, LOG_ID_STORE_BEHIND, NULL,
			  "the daemon stops, and the last changes are not written down: who was "
			  "told nothing of them asks again");
}

void commits_deinit(struct rpc *rpc)
{
	while (rpc->commit.nbatches)
		store_batch_free(rpc->commit.batches[--rpc->commit.nbatches]);
}
