/*
 * replay_trace - replay recorded results of the reference allocator and name the first line that differs
 *
 * Role:       reads files of the trace format: header, cases, lines; hands each line to the handler of its first word. A word
 *             that nobody knows, a header that lies about the number of cases or lines, or a missing end is a failure.
 * Uses:       pagealloc/, tests/model/trace.h
 *
 *   replay_trace [--quiet] [--sized] FILE...
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/model/trace.h"

/* Address space that makes the tree have all of the reference's five levels. */
#define FIVE_LEVELS_NPAGES (UINT64_C(1) << 22)

struct header {
	uint64_t ncases, nlines;
	char kind[16];
};

static void case_end(struct trace *t)
{
	pagealloc_destroy(t->pa);
	t->pa = NULL;
	ranges_deinit(&t->ranges);
	mem_free(t->scavindex.marks);
	t->scavindex = (struct scavindex){0};
	t->nmarks = 0;
}

static void case_begin(struct trace *t, struct line *l)
{
	struct pagealloc_config config = {
		.limit_npages = line_u64(l, 2),
		.scavenge_min_npages = t->min_npages,
		.huge_npages = t->huge_npages,
	};
	int err;

	case_end(t);
	memset(t->caches, 0, sizeof(t->caches));
	memset(t->alloc_bits, 0, sizeof(t->alloc_bits));
	memset(t->scav_bits, 0, sizeof(t->scav_bits));
	t->cache = 0;
	if (config.limit_npages < (t->sized ? 1 : FIVE_LEVELS_NPAGES))
		config.limit_npages = t->sized ? 1 : FIVE_LEVELS_NPAGES;
	err = pagealloc_new(&config, &t->pa);
	if (err)
		line_fail(l, "no allocator: outcome %d", err);
}

static const struct trace_verb *verb_find(const struct trace_verb *verbs, const char *word)
{
	for (; verbs->word; verbs++)
		if (strcmp(verbs->word, word) == 0)
			return verbs;
	return NULL;
}

static bool read_header(struct trace *t, struct line *l, struct header *h, FILE *f)
{
	static const char *const words[] = {"format", "trace",   "kind",  "seed",
					    "config", "maxpage", "cases", "lines"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!line_read(l, f))
			return line_fail(l, "the file ends within its header");
		if (l->bad || !line_is(l, 0, words[i]))
			return line_fail(l, "wanted the header line \"%s\"", words[i]);
		if (i == 0 && line_u64(l, 1) != 1)
			return line_fail(l, "this is not format 1");
		if (i == 2)
			snprintf(h->kind, sizeof(h->kind), "%s", l->n > 1 ? l->fields[1] : "");
		if (i == 4) {
			t->min_npages = (unsigned)line_u64(l, 2);
			t->huge_npages = (unsigned)line_u64(l, 4);
		}
		if (i == 6)
			h->ncases = line_u64(l, 1);
		if (i == 7)
			h->nlines = line_u64(l, 1);
		if (l->bad)
			return false;
	}
	t->legal = strcmp(h->kind, "quirk") != 0 && strcmp(h->kind, "unaligned") != 0;
	return true;
}

static bool run_line(struct trace *t, struct line *l)
{
	const struct trace_verb *verb = verb_find(trace_alloc_verbs, l->fields[0]);

	if (!verb)
		verb = verb_find(trace_unit_verbs, l->fields[0]);
	if (!verb)
		return line_fail(l, "unknown kind of line");
	if (!t->pa)
		return line_fail(l, "before the first case");
	verb->run(t, l);
	return !l->bad;
}

/* Return: true if every line of the file agrees. */
static bool replay_lines(struct trace *t, struct line *l, const struct header *h, FILE *f)
{
	uint64_t ncases = 0, nlines = 0;

	while (line_read(l, f)) {
		if (l->bad)
			return false;
		if (line_is(l, 0, "end")) {
			if (nlines != h->nlines || ncases != h->ncases)
				return line_fail(l,
						 "the header announces %lu cases and %lu lines, "
						 "there are %lu and %lu",
						 h->ncases, h->nlines, ncases, nlines);
			return true;
		}
		nlines++;
		if (line_is(l, 0, "case")) {
			ncases++;
			case_begin(t, l);
			if (l->bad)
				return false;
		} else if (!run_line(t, l)) {
			return false;
		}
	}
	return line_fail(l, "the file ends without \"end\"");
}

static bool replay_file(const char *path, bool sized, bool quiet)
{
	struct trace t = {.sized = sized};
	struct line *l = calloc(1, sizeof(*l));
	struct header h = {0};
	FILE *f = fopen(path, "r");
	bool ok = false;

	if (!f || !l) {
		perror(path);
	} else {
		l->file = path;
		ok = read_header(&t, l, &h, f) && replay_lines(&t, l, &h, f);
		if (ok && !quiet)
			printf("%s: %lu cases, %lu lines: no difference\n", path, h.ncases,
			       h.nlines);
	}
	case_end(&t);
	if (f)
		fclose(f);
	free(l);
	return ok;
}

int main(int argc, char **argv)
{
	unsigned npassed = 0, nfailed = 0;
	bool quiet = false, sized = false;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--quiet") == 0)
			quiet = true;
		else if (strcmp(argv[i], "--sized") == 0)
			sized = true;
		else
			break;
	}
	if (i == argc || argv[i][0] == '-') {
		fprintf(stderr,
			"usage: replay_trace [--quiet] [--sized] FILE...\n"
			"Replays trace files on the allocator and compares every line.\n"
			"  --quiet  print differences and the count only\n"
			"  --sized  size the tree by the case's address space instead of the "
			"reference's five levels;\n"
			"           summaries of levels that such a tree does not have are not "
			"compared\n"
			"Exit code: 0 no difference, 1 a file differs or is damaged, 2 usage.\n");
		return 2;
	}
	for (; i < argc; i++) {
		if (replay_file(argv[i], sized, quiet))
			npassed++;
		else
			nfailed++;
	}
	printf("%u passed, %u failed\n", npassed, nfailed);
	return nfailed ? 1 : 0;
}
