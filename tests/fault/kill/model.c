/*
 * model - what was acknowledged to each client
 *
 * Role:       see model.h.
 * Uses:       libpaclient
 */
#include "tests/fault/kill/model.h"

#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

const char *model_op_name(unsigned op)
{
	static const char *const names[] = {
#define MODEL_OP_NAME(id, text) text,
		MODEL_OPS(MODEL_OP_NAME)
#undef MODEL_OP_NAME
	};

	return op < MODEL_NOPS ? names[op] : "?";
}

struct model *model_new(void)
{
	struct model *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			       -1, 0);
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;

	MUST(m != MAP_FAILED, "no shared memory");
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&m->lock, &ma);
	pthread_condattr_init(&ca);
	pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&m->parked_cond, &ca);
	pthread_cond_init(&m->go_cond, &ca);
	return m;
}

struct model_extent *model_add(struct model *m, const struct model_extent *e)
{
	for (unsigned i = 0; i < MODEL_EXTENTS; i++) {
		if (m->extents[i].used)
			continue;
		m->extents[i] = *e;
		m->extents[i].used = true;
		m->nheld[e->owner]++;
		return &m->extents[i];
	}
	MUST(false, "the model is full");
}

void model_remove(struct model *m, struct model_extent *e)
{
	m->nheld[e->owner]--;
	e->used = e->busy = false;
}

/* One comparison: what is listed of one region. */
struct comparison {
	struct model *m;
	enum model_region region;
	bool exact;
	uint64_t end; /* of the extent before */
	uint64_t npages, nextents;
	unsigned ndifferences;
	bool *seen; /* by entry of the model */
};

static void differs(struct comparison *c, const struct paclient_extent *x, const char *what)
{
	c->ndifferences++;
	fprintf(stderr,
		"region %u, %s: extent %#" PRIx64 ", %" PRIu64 " pages, session %" PRIu64
		", %u holders, name '%s'\n",
		c->region + 1, what, x->addr, x->npages, x->session_id, x->nholders, x->name);
}

static bool same(const struct model *m, const struct model_extent *e,
		 const struct paclient_extent *x)
{
	return e->npages == x->npages && m->sessions[e->owner] == x->session_id &&
	       e->nshares + 1 == x->nholders && strcmp(e->name, x->name) == 0 && !x->quarantined;
}

static int look(const struct paclient_extent *x, void *ctx)
{
	struct comparison *c = ctx;
	struct model *m = c->m;
	bool known = false;

	if (x->addr < c->end)
		differs(c, x, "it overlaps the one before");
	c->end = x->addr + x->npages * 4096;
	c->npages += x->npages;
	c->nextents++;
	for (unsigned i = 0; i < MODEL_EXTENTS; i++) {
		struct model_extent *e = &m->extents[i];

		if (!e->used || e->region != c->region || e->addr != x->addr)
			continue;
		/* There may be two: one that is being freed, and who was given the place since. */
		c->seen[i] = known = true;
		if (!e->busy && !same(m, e, x))
			differs(c, x, "it was acknowledged as another one");
	}
	if (c->exact && !known)
		differs(c, x, "nobody was given it");
	return 0;
}

static void compare_sums(struct comparison *c, paclient *client)
{
	struct paclient_region_stat stat = {.size = sizeof(stat)};
	struct paclient_region info = {.size = sizeof(info)};
	uint32_t id = (uint32_t)c->region + 1;
	uint64_t used;

	MUST(paclient_stat_region(client, id, &stat, NULL) == 0 &&
		     paclient_region_info(client, id, &info, NULL) == 0,
	     "region %u has no numbers", id);
	used = stat.grown_npages - stat.free_npages - stat.held_npages;
	if (info.faulted || stat.nextents != c->nextents || used != c->npages) {
		c->ndifferences++;
		fprintf(stderr,
			"region %u: faulted %d, %" PRIu64 " extents listed, %" PRIu64
			" counted; %" PRIu64 " pages listed, %" PRIu64 " used\n",
			id, info.faulted, c->nextents, stat.nextents, c->npages, used);
	}
	if (c->region == REGION_GROWS && c->exact && stat.grown_npages != c->m->grown_npages) {
		c->ndifferences++;
		fprintf(stderr, "%" PRIu64 " pages are grown, %" PRIu64 " were acknowledged\n",
			stat.grown_npages, c->m->grown_npages);
	}
}

static unsigned compare_region(struct model *m, paclient *client, enum model_region region,
			       bool exact)
{
	static bool seen[MODEL_EXTENTS];
	struct comparison c = {.m = m, .region = region, .exact = exact, .seen = seen};
	struct paclient_call call = PACLIENT_CALL_INIT;

	memset(seen, 0, sizeof(seen));
	MUST(paclient_list_each(client, (uint32_t)region + 1, NULL, look, &c, &call) == 0,
	     "list: %s", call.error.message);
	for (unsigned i = 0; i < MODEL_EXTENTS; i++) {
		const struct model_extent *e = &m->extents[i];

		if (!e->used || e->region != region || seen[i] || e->busy)
			continue;
		c.ndifferences++;
		fprintf(stderr,
			"region %u: extent %#" PRIx64 ", %" PRIu64
			" pages, client %u, name '%s' was acknowledged (%s) and is not there\n",
			region + 1, e->addr, e->npages, e->owner, e->name, model_op_name(e->by));
	}
	compare_sums(&c, client);
	return c.ndifferences;
}

void model_compare(struct model *m, paclient *client, bool exact)
{
	unsigned n = 0;

	pthread_mutex_lock(&m->lock);
	for (unsigned region = 0; region < MODEL_REGIONS; region++)
		n += compare_region(m, client, (enum model_region)region, exact);
	pthread_mutex_unlock(&m->lock);
	MUST(n == 0, "%u differences%s", n, exact ? "" : " before anybody has come back");
}
