/*
 * bench_pagealloc - nanoseconds per operation of the allocator, trace by trace
 *
 * Role:       loads the operations of a trace before the clock starts, replays them on a fresh allocator for each repetition,
 *             verifies every result by a checksum, and prints "name TAB median ns per operation TAB minimum". Growth is not
 *             timed, and counts as no operation. Files with operations that it does not do are passed over, on stderr.
 * Uses:       pagealloc/, libc
 *
 *   bench_pagealloc [--reps N] FILE...
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pagealloc/pagealloc.h"

#define NCACHES 16
#define WARM_UP 2 /* repetitions that are not counted: caches, page tables of the process */

enum op_kind { OP_GROW, OP_ALLOC, OP_FREE, OP_CACHE_FILL, OP_CACHE_TAKE, OP_CACHE_FLUSH };

struct op {
	uint8_t kind, cache;
	uint32_t npages;
	uint64_t page;
};

struct trace {
	char name[128];
	struct op *ops;
	size_t n, capacity, ngrows;
	uint64_t limit_npages;
	uint64_t want; /* checksum over all results */
	unsigned ncases;
	bool unsupported;
};

static uint64_t mix(uint64_t sum, uint64_t page, uint64_t scavenged)
{
	return sum * 31 + page + scavenged;
}

static uint64_t mix_fail(uint64_t sum)
{
	return sum * 31 + UINT64_MAX;
}

static void trace_add(struct trace *t, enum op_kind kind, unsigned cache, uint64_t npages,
		      uint64_t page)
{
	if (t->n == t->capacity) {
		t->capacity = t->capacity ? 2 * t->capacity : 4096;
		t->ops = realloc(t->ops, t->capacity * sizeof(*t->ops));
		if (!t->ops) {
			perror("bench_pagealloc");
			exit(1);
		}
	}
	t->ops[t->n++] = (struct op){(uint8_t)kind, (uint8_t)cache, (uint32_t)npages, page};
}

/* Fold the result written behind " = " into the checksum. @nfields: 2 for "page scavenged", 1 for the page alone. */
static void trace_want(struct trace *t, const char *line, int nfields)
{
	const char *result = strstr(line, " = ");
	uint64_t page = 0, scavenged = 0;

	if (!result || strncmp(result, " = fail", 7) == 0)
		t->want = mix_fail(t->want);
	else if (sscanf(result, " = %" SCNu64 " %" SCNu64, &page, &scavenged) >= 1)
		t->want = mix(t->want, page, nfields == 2 ? scavenged : 0);
}

static void trace_line(struct trace *t, const char *line, unsigned *cache)
{
	uint64_t a = 0, b = 0;

	if (sscanf(line, "maxpage %" SCNu64, &a) == 1)
		t->limit_npages = a;
	else if (strncmp(line, "case ", 5) == 0)
		t->ncases++;
	else if (sscanf(line, "grow %" SCNu64 " %" SCNu64, &a, &b) == 2)
		t->ngrows++, trace_add(t, OP_GROW, 0, b, a);
	else if (sscanf(line, "alloc %" SCNu64, &a) == 1)
		trace_add(t, OP_ALLOC, 0, a, 0), trace_want(t, line, 2);
	else if (sscanf(line, "free %" SCNu64 " %" SCNu64, &a, &b) == 2)
		trace_add(t, OP_FREE, 0, b, a);
	else if (sscanf(line, "cache %" SCNu64, &a) == 1)
		*cache = (unsigned)a % NCACHES;
	else if (strncmp(line, "cache_fill ", 11) == 0)
		trace_add(t, OP_CACHE_FILL, *cache, 0, 0), trace_want(t, line, 1);
	else if (sscanf(line, "cache_alloc %" SCNu64, &a) == 1)
		trace_add(t, OP_CACHE_TAKE, *cache, a, 0), trace_want(t, line, 2);
	else if (strncmp(line, "cache_flush", 11) == 0)
		trace_add(t, OP_CACHE_FLUSH, *cache, 0, 0);
	else if (strncmp(line, "init", 4) == 0 || strncmp(line, "allocrange", 10) == 0 ||
		 strncmp(line, "scavenge", 8) == 0 || strncmp(line, "cache_set", 9) == 0)
		t->unsupported = true;
}

static bool trace_load(struct trace *t, const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char line[2048];
	unsigned cache = 0;
	FILE *f = fopen(path, "r");

	if (!f) {
		fprintf(stderr, "bench_pagealloc: %s: %s\n", path, strerror(errno));
		return false;
	}
	snprintf(t->name, sizeof(t->name), "%.*s", (int)strcspn(name, "."), name);
	while (fgets(line, sizeof(line), f))
		trace_line(t, line, &cache);
	fclose(f);
	return true;
}

/* Replay operations up to the next growth. Return: the checksum. */
static uint64_t replay(struct pagealloc *pa, struct pagealloc_cache *caches, const struct op *op,
		       const struct op *end, uint64_t sum)
{
	uint64_t page, scavenged;

	for (; op < end; op++) {
		switch ((enum op_kind)op->kind) {
		case OP_ALLOC:
			sum = pagealloc_alloc(pa, op->npages, &page, &scavenged)
				      ? mix_fail(sum)
				      : mix(sum, page, scavenged);
			break;
		case OP_FREE:
			if (pagealloc_free(pa, op->page, op->npages))
				sum = mix_fail(sum);
			break;
		case OP_CACHE_FILL:
			sum = pagealloc_cache_fill(pa, &caches[op->cache])
				      ? mix_fail(sum)
				      : mix(sum, caches[op->cache].page, 0);
			break;
		case OP_CACHE_TAKE:
			sum = pagealloc_cache_take(&caches[op->cache], op->npages, &page,
						   &scavenged)
				      ? mix_fail(sum)
				      : mix(sum, page, scavenged);
			break;
		case OP_CACHE_FLUSH:
			pagealloc_cache_flush(pa, &caches[op->cache]);
			break;
		case OP_GROW:
			break;
		}
	}
	return sum;
}

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* One repetition. Return: ns per operation, negative if a result was wrong. */
static double run_once(const struct trace *t)
{
	struct pagealloc_config config = {.limit_npages = t->limit_npages, .huge_npages = 256};
	struct pagealloc_cache caches[NCACHES] = {{0}};
	struct pagealloc *pa;
	uint64_t sum = 0;
	double spent = 0;
	const struct op *op = t->ops, *end = t->ops + t->n;

	if (pagealloc_new(&config, &pa))
		return -1;
	while (op < end) {
		const struct op *stop = op;
		double begin;

		if (op->kind == OP_GROW) {
			if (pagealloc_grow(pa, op->page, op->npages))
				sum = mix_fail(sum);
			op++;
			continue;
		}
		while (stop < end && stop->kind != OP_GROW)
			stop++;
		begin = now_ns();
		sum = replay(pa, caches, op, stop, sum);
		spent += now_ns() - begin;
		op = stop;
	}
	pagealloc_destroy(pa);
	return sum == t->want ? spent / (double)(t->n - t->ngrows) : -1;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static bool bench(const char *path, unsigned nreps)
{
	struct trace t = {.limit_npages = 1};
	double *ns = calloc(nreps, sizeof(*ns));
	bool ok = ns && trace_load(&t, path);

	if (ok && (t.unsupported || t.ncases != 1 || t.n == t.ngrows)) {
		fprintf(stderr,
			"%s: passed over: has several cases or operations that are not timed\n",
			t.name);
	} else if (ok) {
		for (unsigned i = 0; i < nreps + WARM_UP && ok; i++) {
			double one = run_once(&t);

			ok = one >= 0;
			if (i >= WARM_UP)
				ns[i - WARM_UP] = one;
		}
		qsort(ns, nreps, sizeof(*ns), compare);
		if (ok)
			printf("%s\t%.2f\t%.2f\n", t.name, ns[nreps / 2], ns[0]);
		else
			fprintf(stderr, "%s: wrong results\n", t.name);
	}
	free(t.ops);
	free(ns);
	return ok;
}

int main(int argc, char **argv)
{
	unsigned nreps = 15;
	bool ok = true;
	int i = 1;

	if (i + 1 < argc && strcmp(argv[i], "--reps") == 0) {
		nreps = (unsigned)strtoul(argv[i + 1], NULL, 10);
		i += 2;
	}
	if (i >= argc || argv[i][0] == '-' || nreps == 0) {
		fprintf(stderr, "usage: bench_pagealloc [--reps N] FILE...\n"
				"Prints for each trace: name, median ns per operation, minimum, "
				"between tabs.\n");
		return 2;
	}
	for (; i < argc; i++)
		ok = bench(argv[i], nreps) && ok;
	return ok ? 0 : 1;
}
