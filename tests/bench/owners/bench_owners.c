/*
 * bench_owners - what it costs that extents have owners
 *
 * Role:       in one process, without sockets: what the bookkeeping adds to a pair of a free and an alloc, what a live extent takes of
 *             memory, and how the extents of a dead session come back. Prints a table for each.
 * Uses:       rpc/, region/, pagealloc/, tests/bench/place/measure.h
 *
 * Pairs are timed in turns, with the same lengths and victims, three times: by the allocator alone; with an index of extents
 * beside it, which anything needs that is to refuse a wrong free; and by the region, where extents have owners, so that the difference
 * between the last two is what sessions add: lists of what is whose, sums and quotas, rights, and whether anybody watches. The dead session's
 * extents lie either one beside the other or each between two of somebody else's; slices are those that the daemon's loop makes.
 * The goals: 60 ns a pair, 64 bytes a live extent, 50 ms for 10^5 extents, 1 ms for a slice.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/rpc.h"
#include "tests/bench/place/measure.h"

#define NEXTENTS 100000u
#define LENGTH_MAX 8u
#define REGION_LOG2 20
#define PAIRS 65536u
#define ROUNDS 21u

struct options {
	unsigned nextents, npairs, rounds;
	uint64_t seed;
};

struct world {
	struct regions regions;
	struct rpc rpc;
	struct region *r;
	struct session *s, *other;
};

static struct session *session_begin(struct world *w, uid_t uid)
{
	const struct session_peer peer = {.uid = uid, .gid = uid, .pid = 1};
	struct region_refusal refusal;
	struct session *s;

	if (session_open(&w->regions, &peer, "bench", 0, clock_usec(), &s, &refusal))
		measure_fail("no session");
	return s;
}

static void world_begin(struct world *w)
{
	const struct region_config config = {
		.name = "bench",
		.base_addr = UINT64_C(1) << 32,
		.page_size_bytes = 4096,
		.limit_bytes = UINT64_C(4096) << REGION_LOG2,
		.initial_bytes = UINT64_C(4096) << REGION_LOG2,
	};

	memset(w, 0, sizeof(*w));
	regions_init(&w->regions, 0);
	if (regions_add(&w->regions, &config) || rpc_init(&w->rpc, &w->regions, "bench"))
		measure_fail("no region");
	w->r = w->regions.table[0];
	w->s = session_begin(w, 1000);
	w->other = session_begin(w, 1001);
}

static void world_end(struct world *w)
{
	rpc_deinit(&w->rpc);
	regions_deinit(&w->regions);
}

static uint64_t take(struct world *w, struct session *s, uint64_t npages)
{
	struct region_refusal refusal;
	uint64_t addr, scavenged;

	if (region_alloc(w->r, &s->owner, &npages, 1, NULL, &addr, &scavenged, &refusal))
		measure_fail("an extent of %" PRIu64 " pages was refused", npages);
	return addr;
}

static void give(struct world *w, const struct session *s, uint64_t addr, uint64_t npages)
{
	struct region_refusal refusal;
	uint64_t freed, shared;

	if (region_free(w->r, s, &addr, &npages, 1, &freed, &shared, &refusal))
		measure_fail("the extent at %#" PRIx64 " was not taken back", addr);
}

/* The same pairs, by different means. */
enum means {
	BY_ALLOCATOR,
	BY_INDEX, /* the allocator, and an index of the extents */
	BY_REGION,
	MEANS,
};

struct side {
	enum means means;
	struct world world;
	struct pagealloc *pa;   /* but BY_REGION */
	struct extents extents; /* BY_INDEX */
	uint64_t random;
	uint64_t *where; /* address, or page */
	uint8_t *npages;
	unsigned nextents;
	struct samples ns;
};

static uint64_t side_take(struct side *side, uint64_t npages)
{
	uint64_t page;

	if (side->means == BY_REGION)
		return take(&side->world, side->world.s, npages);
	if (side->means == BY_INDEX && extents_reserve(&side->extents, 1))
		measure_fail("no room in the index");
	if (pagealloc_alloc(side->pa, npages, &page, NULL))
		measure_fail("no %" PRIu64 " pages", npages);
	if (side->means == BY_INDEX)
		extents_add(&side->extents, page, npages, 0);
	return page;
}

static void side_give(struct side *side, uint64_t where, uint64_t npages)
{
	uint32_t i = EXTENT_NONE;

	if (side->means == BY_REGION) {
		give(&side->world, side->world.s, where, npages);
		return;
	}
	if (side->means == BY_INDEX) {
		i = extents_at(&side->extents, where);
		if (i == EXTENT_NONE || extents_get(&side->extents, i)->npages != npages)
			measure_fail("page %" PRIu64 " is not in the index", where);
	}
	if (pagealloc_free(side->pa, where, npages))
		measure_fail("page %" PRIu64 " was not taken back", where);
	if (side->means == BY_INDEX)
		extents_remove(&side->extents, i);
}

static void side_begin(struct side *side, enum means means, const struct options *o,
		       unsigned nextents)
{
	const struct pagealloc_config config = {.limit_npages = UINT64_C(1) << REGION_LOG2};

	memset(side, 0, sizeof(*side));
	side->means = means;
	side->random = o->seed;
	side->nextents = nextents;
	world_begin(&side->world);
	if (means != BY_REGION &&
	    (pagealloc_new(&config, &side->pa) || pagealloc_grow(side->pa, 0, config.limit_npages)))
		measure_fail("no allocator");
	if (means == BY_INDEX && (extents_init(&side->extents, config.limit_npages) ||
				  extents_commit(&side->extents, config.limit_npages)))
		measure_fail("no index");
	side->where = measure_alloc(nextents, sizeof(*side->where));
	side->npages = measure_alloc(nextents, sizeof(*side->npages));
	for (unsigned i = 0; i < nextents; i++) {
		side->npages[i] = (uint8_t)(1 + measure_below(&side->random, LENGTH_MAX));
		side->where[i] = side_take(side, side->npages[i]);
	}
}

static void side_end(struct side *side)
{
	free(side->where);
	free(side->npages);
	pagealloc_destroy(side->pa);
	if (side->means == BY_INDEX)
		extents_deinit(&side->extents);
	samples_clear(&side->ns);
	world_end(&side->world);
}

static void side_turn(struct side *side, const struct options *o)
{
	uint64_t begin = measure_now();

	for (unsigned i = 0; i < o->npairs; i++) {
		unsigned k = (unsigned)measure_below(&side->random, side->nextents);

		side_give(side, side->where[k], side->npages[k]);
		side->npages[k] = (uint8_t)(1 + measure_below(&side->random, LENGTH_MAX));
		side->where[k] = side_take(side, side->npages[k]);
	}
	samples_add(&side->ns,
		    measure_ns((double)measure_ticks(begin, measure_now())) / (double)o->npairs);
}

static void bench_pairs(const struct options *o, unsigned nextents)
{
	static struct side sides[MEANS];
	double ns[MEANS];

	for (enum means m = 0; m < MEANS; m++)
		side_begin(&sides[m], m, o, nextents);
	for (unsigned i = 0; i < o->rounds; i++) {
		for (enum means m = 0; m < MEANS; m++)
			side_turn(&sides[m], o);
	}
	for (enum means m = 0; m < MEANS; m++)
		ns[m] = samples_quantile(&sides[m].ns, 0.5);
	printf("  %7u   %8.1f   %10.1f   %8.1f   %8.1f   %8.1f   %8.1f\n", nextents,
	       ns[BY_ALLOCATOR], ns[BY_INDEX], ns[BY_REGION], ns[BY_REGION] - ns[BY_INDEX],
	       ns[BY_REGION] - ns[BY_ALLOCATOR],
	       (double)extents_bytes(&sides[BY_REGION].world.r->extents) / (double)nextents);
	for (enum means m = 0; m < MEANS; m++)
		side_end(&sides[m]);
}

static void bench_death(const struct options *o, bool alternating)
{
	uint64_t begin, ticks, total = 0, longest = 0;
	struct world w;
	unsigned nslices = 0;
	bool done = false;

	world_begin(&w);
	for (unsigned i = 0; i < o->nextents; i++) {
		(void)take(&w, w.s, 1);
		if (alternating)
			(void)take(&w, w.other, 1);
	}
	session_end(w.s, SESSION_DIED, clock_usec());
	while (!done) {
		begin = measure_now();
		done = rpc_work(&w.rpc);
		ticks = measure_ticks(begin, measure_now());
		total += ticks;
		longest = ticks > longest ? ticks : longest;
		nslices++;
	}
	if (w.r->counters.reclaims != o->nextents)
		measure_fail("%" PRIu64 " of %u extents came back", w.r->counters.reclaims,
			     o->nextents);
	printf("death, %u extents, %s\n  back after %.1f ms of the loop's time (goal: 50), in %u "
	       "slices, the longest %.3f ms (goal: 1)\n",
	       o->nextents, alternating ? "each between two of another session" : "side by side",
	       measure_ns((double)total) / 1e6, nslices, measure_ns((double)longest) / 1e6);
	world_end(&w);
}

static void usage(void)
{
	fputs("usage: bench_owners [--seed N] [--quick]\n\n"
	      "Times what it costs that extents have owners: pairs of free and alloc with and "
	      "without, memory, and what\n"
	      "the death of a session with 100 000 extents costs the loop. --quick: to see that it "
	      "runs.\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct options o = {NEXTENTS, PAIRS, ROUNDS, MEASURE_SEED};

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick"))
			o = (struct options){1000, 1000, 3, o.seed};
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			o.seed = strtoull(argv[++i], NULL, 0);
		else
			usage();
	}
	measure_init();
	printf("seed %" PRIu64 "\n", o.seed);
	printf("pairs and memory\n  extents   alone ns   indexed ns   owned ns   sessions (60)   "
	       "index and "
	       "sessions   bytes an extent (64)\n");
	for (unsigned n = 100; n <= o.nextents; n *= 10)
		bench_pairs(&o, n);
	bench_death(&o, false);
	bench_death(&o, true);
	return 0;
}
