/*
 * bench_place - what placing an extent costs, by address space, content, constraints, and where little fits
 *
 * Role:       the command line. One word says which of the four measurements is made; each prints a table.
 * Uses:       pagealloc/, libc
 *
 *   bench_place space|content|constraints|adverse [--seed N] [--rounds N] [--quick] ...
 */
#include "bench_place.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

static const char usage[] =
	"usage: bench_place MEASUREMENT [OPTION]...\n"
	"\n"
	"  space        the same 2^20 pages spread over regions of 2^20 to 2^36\n"
	"  content      2^15, 2^20 and 2^24 pages, 90 % of them in use, three laws of length\n"
	"  constraints  plain, aligned, bounded, boundary, last, best: each beside plain\n"
	"  adverse      fragmented so that nothing fits, or one place at the far end\n"
	"\n"
	"  --seed N      of the random numbers; it is printed\n"
	"  --rounds N    more of them make steadier figures\n"
	"  --quick       small and short, to see that it works; the times mean nothing\n"
	"  --large       content: also 2^28 pages (takes 2 GB)\n"
	"  --strategy S  content: first (default), last or best\n"
	"  --log2 N      constraints, adverse: 2^N pages (20 and 24; the full adverse is 30)\n"
	"  --searches N  adverse: later searches of each kind (1000)\n"
	"  --seconds N   adverse: no more later searches of a kind after that time (5)\n"
	"\n"
	"Times are in nanoseconds. Figures to keep need a machine on which nothing else runs.\n";

bool bench_has_best(void)
{
	const struct pagealloc_config config = {.limit_npages = 512, .best_fit = true};
	const struct pagealloc_request req = {.npages = 1, .strategy = PAGEALLOC_BEST};
	struct pagealloc *pa;
	uint64_t page;
	int err;

	if (pagealloc_new(&config, &pa))
		return false;
	if (pagealloc_grow(pa, 0, 512))
		measure_fail("growing 512 pages failed");
	err = pagealloc_place(pa, &req, &page);
	pagealloc_destroy(pa);
	return err == 0;
}

static uint64_t number(const char *name, const char *text)
{
	char *end;
	uint64_t n = text ? strtoull(text, &end, 0) : 0;

	if (!text || !*text || *end) {
		fprintf(stderr, "bench_place: %s needs a number\n", name);
		exit(2);
	}
	return n;
}

static enum pagealloc_strategy strategy(const char *text)
{
	if (text && strcmp(text, "first") == 0)
		return PAGEALLOC_FIRST;
	if (text && strcmp(text, "last") == 0)
		return PAGEALLOC_LAST;
	if (text && strcmp(text, "best") == 0)
		return PAGEALLOC_BEST;
	fputs("bench_place: --strategy is first, last or best\n", stderr);
	exit(2);
}

/* One option. Return: has it a value, which is to be passed over? */
static bool option(struct bench_options *o, const char *name, const char *value)
{
	if (strcmp(name, "--quick") == 0)
		o->quick = true;
	else if (strcmp(name, "--large") == 0)
		o->large = true;
	else if (strcmp(name, "--seed") == 0)
		return o->seed = number(name, value), true;
	else if (strcmp(name, "--rounds") == 0)
		return o->rounds = (unsigned)number(name, value), true;
	else if (strcmp(name, "--log2") == 0)
		return o->log2 = (unsigned)number(name, value), true;
	else if (strcmp(name, "--searches") == 0)
		return o->nsearches = (unsigned)number(name, value), true;
	else if (strcmp(name, "--seconds") == 0)
		return o->seconds = (double)number(name, value), true;
	else if (strcmp(name, "--strategy") == 0)
		return o->strategy = strategy(value), true;
	else {
		fprintf(stderr, "bench_place: what is %s?\n%s", name, usage);
		exit(2);
	}
	return false;
}

static const struct {
	const char *name;
	void (*run)(const struct bench_options *o);
} measurements[] = {
	{"space", bench_space},
	{"content", bench_content},
	{"constraints", bench_constraints},
	{"adverse", bench_adverse},
};

int main(int argc, char **argv)
{
	struct bench_options o = {.seed = MEASURE_SEED, .nsearches = 1000, .seconds = 5};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(usage, stdout);
			return 0;
		}
	}
	for (int i = 2; i < argc; i++)
		i += option(&o, argv[i], argv[i + 1]);
	if (o.log2 && (o.log2 < 16 || o.log2 > 34)) {
		fputs("bench_place: --log2 is from 16 to 34\n", stderr);
		return 2;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(measurements) / sizeof(*measurements); i++) {
		if (strcmp(argv[1], measurements[i].name) != 0)
			continue;
		measure_init();
		setvbuf(stdout, NULL, _IOLBF, 0);
		printf("%s: seed %" PRIu64 "\n", argv[1], o.seed);
		measurements[i].run(&o);
		return 0;
	}
	fputs(usage, stderr);
	return 2;
}
