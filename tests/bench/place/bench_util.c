/*
 * bench_util - how full a region is when a placement fails for the first time, and again and again
 *
 * Role:       fills a region by one of three laws until a placement fails, notes how much is in use, frees some at random, goes on. With
 *             first fit and best fit of the allocator, and with simple simulators of both, which must put every extent at
 *             the same page. Deterministic for a seed; exits with 1 if a wanted figure is missed or a placement differs.
 * Uses:       pagealloc/, sim.h, measure.h
 *
 * The laws. Extents are asked for in bytes and take whole pages of 4 KiB.
 *   single   3 274 752 bytes (799.5 pages, so 800) in 32 GiB. At each failure 5 % of the extents, drawn at random, are freed.
 *   pair     the same and 658 432 bytes (160.75 pages, so 161) in turns, in 32 GiB. At each failure 5 % of the extents are freed, each by
 *            itself. With --at-random each is one or the other with equal chance: their shares then drift, and either fit
 *            loses some 0.2 % to 0.3 % more.
 *   uniform  1 KiB to 64 MiB, each number of bytes as likely as another, in 2 GiB. At each failure extents are freed one at a time until
 *            the one that found no place has found one. The first failures are not counted: see NWARM_UP.
 *
 * Utilisation is pages in use / pages of the region at the moment of failure, without the extent that failed; the mean over failures
 * is what is wanted. The bytes asked for / bytes of the region are printed beside it. After a failure the extent that found no place is
 * asked for again.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "pagealloc/pagealloc.h"
#include "sim.h"

#define PAGE_BYTES 4096u
#define NFAILURES 200
#define NWARM_UP \
	1000 /* uniform: failures until what the first filling left behind is gone: each extent was replaced many times */
#define NUNIFORM 20000

enum law { LAW_SINGLE, LAW_PAIR, LAW_UNIFORM };

#define NLAWS 3

static const char *const law_names[NLAWS] = {"single", "pair", "uniform"};

struct options {
	uint64_t seed;
	unsigned nfailures; /* 0: the law's default */
	bool laws[NLAWS];
	bool at_random;     /* pair: not in turns */
	int evict_percent;  /* negative: the law's default; 0: one at a time */
	double first, best; /* wanted mean */
};

struct extent {
	uint64_t page;
	uint32_t npages, bytes;
};

/* Where extents go to: the allocator or a simulator. */
struct contender {
	const char *name;
	struct pagealloc *pa; /* NULL: the simulator */
	struct sim sim;
	enum pagealloc_strategy strategy;
};

struct run {
	struct contender *contender;
	const struct options *options;
	enum law law;
	uint64_t npages; /* of the region */
	uint64_t random;
	struct extent *extents;
	size_t n, capacity;
	uint64_t used, bytes;
	uint64_t ndrawn;
	uint64_t checksum; /* over all places */
	struct samples by_pages, by_bytes;
};

static uint32_t draw_bytes(struct run *r)
{
	const uint32_t large = 3274752, small = 658432, lo = 1024, hi = 64u << 20;
	uint64_t i = r->ndrawn++;

	switch (r->law) {
	case LAW_SINGLE:
		return large;
	case LAW_PAIR:
		if (r->options->at_random)
			i = measure_below(&r->random, 2);
		return i % 2 ? small : large;
	case LAW_UNIFORM:
		return lo + (uint32_t)measure_below(&r->random, hi - lo + 1);
	}
	return 0;
}

static uint64_t contender_take(struct contender *c, uint64_t npages)
{
	struct pagealloc_request req = {.npages = npages, .strategy = c->strategy};
	uint64_t page;
	int err;

	if (!c->pa)
		return sim_take(&c->sim, npages);
	err = pagealloc_alloc_placed(c->pa, &req, &page, NULL);
	if (err && err != PAGEALLOC_E_NO_RUN)
		measure_fail("%s: outcome %d", c->name, err);
	return err ? PAGEALLOC_PAGE_NONE : page;
}

static void contender_give(struct contender *c, const struct extent *e)
{
	if (!c->pa)
		sim_give(&c->sim, e->page, e->npages);
	else if (pagealloc_free(c->pa, e->page, e->npages))
		measure_fail("%s: free was refused", c->name);
}

/* Return: has there been a place? */
static bool take(struct run *r, uint32_t bytes)
{
	uint32_t npages = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
	uint64_t page = contender_take(r->contender, npages);

	r->checksum = r->checksum * 31 + page;
	if (page == PAGEALLOC_PAGE_NONE)
		return false;
	if (r->n == r->capacity) {
		r->capacity = r->capacity ? 2 * r->capacity : 1024;
		r->extents = realloc(r->extents, r->capacity * sizeof(*r->extents));
		if (!r->extents)
			measure_fail("no memory for %zu extents", r->capacity);
	}
	r->extents[r->n++] = (struct extent){page, npages, bytes};
	r->used += npages;
	r->bytes += bytes;
	return true;
}

static void evict(struct run *r)
{
	size_t i;

	if (r->n == 0)
		measure_fail("%s: all is free, and there is no place", r->contender->name);
	i = (size_t)measure_below(&r->random, r->n);
	contender_give(r->contender, &r->extents[i]);
	r->used -= r->extents[i].npages;
	r->bytes -= r->extents[i].bytes;
	r->extents[i] = r->extents[--r->n];
}

/* A placement of so many bytes has failed: free some, so that it can be asked for again. */
static void make_room(struct run *r, uint32_t bytes)
{
	int percent = r->options->evict_percent;
	size_t n;

	if (percent < 0)
		percent = r->law == LAW_UNIFORM ? 0 : 5;
	n = (r->n * (size_t)percent + 99) / 100;
	do {
		evict(r);
		while (n > 1) {
			evict(r);
			n--;
		}
	} while (!take(r, bytes));
}

static void note(struct run *r)
{
	samples_add(&r->by_pages, (double)r->used / (double)r->npages);
	samples_add(&r->by_bytes, (double)r->bytes / (double)r->npages / PAGE_BYTES);
}

static void run(struct run *r)
{
	unsigned nfailures = r->options->nfailures, nwarm_up = 0;

	if (r->law == LAW_UNIFORM)
		nwarm_up = NWARM_UP;
	if (!nfailures)
		nfailures = r->law == LAW_UNIFORM ? NUNIFORM : NFAILURES;
	for (unsigned i = 0; i < nwarm_up + nfailures; i++) {
		uint32_t bytes;

		do
			bytes = draw_bytes(r);
		while (take(r, bytes));
		if (i >= nwarm_up)
			note(r);
		make_room(r, bytes);
	}
}

/* Return: false if the strategy is not available. */
static bool contender_init(struct contender *c, uint64_t npages, bool sim,
			   enum pagealloc_strategy strategy)
{
	const struct pagealloc_config config = {.limit_npages = npages,
						.best_fit = strategy == PAGEALLOC_BEST};
	const struct pagealloc_request probe = {.npages = 1, .strategy = strategy};
	uint64_t page;

	*c = (struct contender){.strategy = strategy};
	if (sim) {
		c->name = strategy == PAGEALLOC_BEST ? "simulated best" : "simulated first";
		sim_init(&c->sim, npages, strategy == PAGEALLOC_BEST);
		return true;
	}
	c->name = strategy == PAGEALLOC_BEST ? "best" : "first";
	if (pagealloc_new(&config, &c->pa) || pagealloc_grow(c->pa, 0, npages))
		measure_fail("no allocator of %" PRIu64 " pages", npages);
	return pagealloc_place(c->pa, &probe, &page) == 0;
}

static void contender_deinit(struct contender *c)
{
	pagealloc_destroy(c->pa);
	sim_deinit(&c->sim);
}

/* Run one contender and print its line. Return: the mean utilisation, negative if it is not available. */
static double compete(const struct options *o, enum law law, bool sim,
		      enum pagealloc_strategy strategy, uint64_t *ret_checksum)
{
	struct contender c;
	struct run r = {.contender = &c, .options = o, .law = law, .random = o->seed};
	double mean = -1;

	r.npages = UINT64_C(1) << (law == LAW_UNIFORM ? 19 : 23);
	if (contender_init(&c, r.npages, sim, strategy)) {
		run(&r);
		mean = samples_mean(&r.by_pages);
		printf("  %-16s  %8.5f  %8.5f   %8.5f  %8.5f  %8zu\n", c.name, mean,
		       samples_quantile(&r.by_pages, 0), samples_mean(&r.by_bytes),
		       samples_quantile(&r.by_bytes, 0), r.by_pages.n);
	} else {
		printf("  %-16s  not available\n", c.name);
	}
	*ret_checksum = r.checksum;
	samples_clear(&r.by_pages);
	samples_clear(&r.by_bytes);
	free(r.extents);
	contender_deinit(&c);
	return mean;
}

/* One law and strategy, allocator and simulator. Return: is all as it should be? */
static bool strategy_run(const struct options *o, enum law law, enum pagealloc_strategy strategy,
			 double wanted)
{
	uint64_t checksum, simulated;
	double got = compete(o, law, false, strategy, &checksum);

	compete(o, law, true, strategy, &simulated);
	if (got < 0)
		return true;
	if (checksum != simulated) {
		fprintf(stderr, "bench_util: %s: places differ from the simulator's\n",
			law_names[law]);
		return false;
	}
	if (got < wanted) {
		fprintf(stderr, "bench_util: %s: wanted at least %.5f, got %.5f\n", law_names[law],
			wanted, got);
		return false;
	}
	return true;
}

static const char usage[] =
	"usage: bench_util [OPTION]...\n"
	"How full a region is when a placement fails: first and best fit, and simple simulators of "
	"both.\n"
	"\n"
	"  --law L           single, pair or uniform; may be repeated; otherwise all\n"
	"  --seed N          of the random numbers; it is printed\n"
	"  --failures N      so many are counted (200; uniform 20000)\n"
	"  --evict P         free P % of the extents at a failure; 0: one at a time until the "
	"request fits\n"
	"                    (5; uniform 0)\n"
	"  --at-random       law pair: either size with equal chance instead of in turns\n"
	"  --at-least S=U    first=U or best=U: exit with 1 if the mean by pages is less\n";

static _Noreturn void misuse(const char *name)
{
	fprintf(stderr, "bench_util: %s is wrong or lacks its value\n%s", name, usage);
	exit(2);
}

static void option_law(struct options *o, const char *value)
{
	for (int i = 0; i < NLAWS; i++) {
		if (value && strcmp(value, law_names[i]) == 0) {
			o->laws[i] = true;
			return;
		}
	}
	misuse("--law");
}

static void option_at_least(struct options *o, const char *value)
{
	if (value && strncmp(value, "first=", 6) == 0)
		o->first = strtod(value + 6, NULL);
	else if (value && strncmp(value, "best=", 5) == 0)
		o->best = strtod(value + 5, NULL);
	else
		misuse("--at-least");
}

/* One option. Return: has it a value, which is to be passed over? */
static bool option(struct options *o, const char *name, const char *value)
{
	if (strcmp(name, "--at-random") == 0)
		return o->at_random = true, false;
	if (strcmp(name, "--law") == 0)
		option_law(o, value);
	else if (strcmp(name, "--at-least") == 0)
		option_at_least(o, value);
	else if (!value)
		misuse(name);
	else if (strcmp(name, "--seed") == 0)
		o->seed = strtoull(value, NULL, 10);
	else if (strcmp(name, "--failures") == 0)
		o->nfailures = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "--evict") == 0)
		o->evict_percent = (int)strtoul(value, NULL, 10);
	else
		misuse(name);
	return true;
}

int main(int argc, char **argv)
{
	struct options o = {.seed = MEASURE_SEED, .evict_percent = -1};
	bool ok = true, any = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(usage, stdout);
			return 0;
		}
		i += option(&o, argv[i], argv[i + 1]);
	}
	for (int i = 0; i < NLAWS; i++)
		any = any || o.laws[i];
	printf("seed %" PRIu64 "\n", o.seed);
	for (int i = 0; i < NLAWS; i++) {
		if (any && !o.laws[i])
			continue;
		printf("%s\n  %-16s  %8s  %8s   %8s  %8s  %8s\n", law_names[i], "", "by pages",
		       "least", "by bytes", "least", "failures");
		ok = strategy_run(&o, (enum law)i, PAGEALLOC_FIRST, o.first) && ok;
		ok = strategy_run(&o, (enum law)i, PAGEALLOC_BEST, o.best) && ok;
	}
	return ok ? 0 : 1;
}
