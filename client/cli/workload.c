/*
 * workload - a recording of what real programs asked of an address space
 *
 * Role:       see workload.h.
 * Uses:       libc; its search trees hold the freed ranges of an extent
 * Cost:       O(lines log lines).
 */
#include "client/cli/workload.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/cli.h"

#define WORKLOAD_E_MALFORMED 1

/* A session or extent by the number that the file gives it. */
struct named {
	uint64_t number;
	uint32_t index;
	uint32_t session; /* extents: whose it is */
	uint64_t npages;  /* extents: its length */
	bool open;        /* sessions */
	void *freed;      /* extents: tree of struct range */
};

struct range {
	uint64_t begin;
	uint64_t end;
};

struct reader {
	struct workload w;
	size_t room; /* for events */
	void *sessions;
	void *extents;
	uint64_t usec;          /* of the line before */
	enum event_place place; /* of the next alloc, and its address */
	uint64_t addr;
	struct workload_error *why;
};

PRINTF_LIKE(2, 3) static int malformed(struct reader *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(r->why->message, sizeof(r->why->message), fmt, args);
	va_end(args);
	return WORKLOAD_E_MALFORMED;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = ((const struct named *)a)->number, y = ((const struct named *)b)->number;

	return (x > y) - (x < y);
}

/* Ranges that overlap are equal: a tree of them finds what is freed twice. */
static int by_place(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->end <= y->begin ? -1 : x->begin >= y->end;
}

static struct named *named_find(void *const *tree, uint64_t number)
{
	struct named key = {.number = number};
	void *node = tfind(&key, tree, by_number);

	return node ? *(struct named **)node : NULL;
}

static struct named *named_add(void **tree, uint64_t number)
{
	struct named *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->number = number;
	if (!tsearch(n, tree, by_number)) {
		free(n);
		return NULL;
	}
	return n;
}

static void named_free(void *p)
{
	struct named *n = p;

	tdestroy(n->freed, free);
	free(n);
}

static int event_add(struct reader *r, const struct event *e)
{
	if (r->w.nevents == r->room) {
		size_t room = r->room ? 2 * r->room : 1024;
		struct event *bigger = reallocarray(r->w.events, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		r->w.events = bigger;
		r->room = room;
	}
	r->w.events[r->w.nevents++] = *e;
	return 0;
}

static int session_find(struct reader *r, uint64_t number, struct named **ret)
{
	*ret = named_find(&r->sessions, number);
	if (!*ret)
		return malformed(r, "session %" PRIu64 " is not open", number);
	if (!(*ret)->open)
		return malformed(r, "session %" PRIu64 " is closed", number);
	return 0;
}

static int open_read(struct reader *r, struct event *e, const uint64_t *n)
{
	struct named *s;

	if (named_find(&r->sessions, n[0]))
		return malformed(r, "session %" PRIu64 " was opened before", n[0]);
	if (r->w.nsessions == UINT32_MAX)
		return malformed(r, "too many sessions");
	s = named_add(&r->sessions, n[0]);
	if (!s)
		return -ENOMEM;
	s->index = e->session = r->w.nsessions++;
	s->open = true;
	return 0;
}

static int close_read(struct reader *r, struct event *e, const uint64_t *n)
{
	struct named *s;
	int err = session_find(r, n[0], &s);

	if (err)
		return err;
	s->open = false;
	e->session = s->index;
	return 0;
}

static int alloc_read(struct reader *r, struct event *e, const uint64_t *n)
{
	struct named *s, *x;
	int err = session_find(r, n[0], &s);

	if (err)
		return err;
	if (named_find(&r->extents, n[1]))
		return malformed(r, "extent %" PRIu64 " was allocated before", n[1]);
	if (!n[2])
		return malformed(r, "an alloc of 0 pages");
	if (r->w.nextents == UINT32_MAX)
		return malformed(r, "too many extents");
	x = named_add(&r->extents, n[1]);
	if (!x)
		return -ENOMEM;
	x->index = e->extent = r->w.nextents++;
	x->session = e->session = s->index;
	x->npages = e->npages = n[2];
	e->place = r->place;
	e->addr = r->addr;
	r->place = PLACE_UNKNOWN;
	r->w.nallocs++;
	return 0;
}

static int freed_add(struct reader *r, struct named *x, uint64_t begin, uint64_t end)
{
	struct range *range = malloc(sizeof(*range));
	void *node;

	if (!range)
		return -ENOMEM;
	*range = (struct range){begin, end};
	node = tsearch(range, &x->freed, by_place);
	if (node && *(struct range **)node == range)
		return 0;
	free(range);
	return node ? malformed(r, "some page of extent %" PRIu64 " was freed before", x->number)
		    : -ENOMEM;
}

static int free_read(struct reader *r, struct event *e, const uint64_t *n)
{
	struct named *s, *x;
	int err = session_find(r, n[0], &s);

	if (err)
		return err;
	x = named_find(&r->extents, n[1]);
	if (!x)
		return malformed(r, "extent %" PRIu64 " was never allocated", n[1]);
	if (x->session != s->index)
		return malformed(r, "extent %" PRIu64 " is another session's", n[1]);
	if (!n[3])
		return malformed(r, "a free of 0 pages");
	if (n[2] >= x->npages || n[3] > x->npages - n[2])
		return malformed(r, "extent %" PRIu64 " has only %" PRIu64 " pages", n[1],
				 x->npages);
	e->session = s->index;
	e->extent = x->index;
	e->first = n[2];
	e->npages = n[3];
	r->w.nfrees++;
	return freed_add(r, x, n[2], n[2] + n[3]);
}

static const struct {
	const char *word;
	enum event_kind kind;
	int nnumbers;
	const char *form;
	int (*read)(struct reader *r, struct event *e, const uint64_t *n);
} kinds[] = {
	{"open", EVENT_OPEN, 1, "open SESSION", open_read},
	{"alloc", EVENT_ALLOC, 3, "alloc SESSION ID NPAGES", alloc_read},
	{"free", EVENT_FREE, 4, "free SESSION ID FIRST NPAGES", free_read},
	{"close", EVENT_CLOSE, 1, "close SESSION", close_read},
};

/* One more field than any line has, so that too many are seen. */
#define NFIELDS_MAX 7

static int split(char *line, char **fields)
{
	int n = 0;

	for (char *p = line; n < NFIELDS_MAX; p++) {
		fields[n++] = p;
		p += strcspn(p, " ");
		if (!*p)
			break;
		*p = '\0';
	}
	return n;
}

static int line_read(struct reader *r, char *line)
{
	char *fields[NFIELDS_MAX];
	int nfields = split(line, fields);
	struct event e = {0};
	uint64_t n[4];
	size_t k = 0;
	int err;

	if (number_parse(fields[0], &e.usec))
		return malformed(r, "\"%.40s\" is not a time in microseconds", fields[0]);
	if (e.usec < r->usec)
		return malformed(r, "time goes back, from %" PRIu64 " to %" PRIu64, r->usec,
				 e.usec);
	r->usec = e.usec;
	while (nfields > 1 && k < ARRAY_SIZE(kinds) && strcmp(fields[1], kinds[k].word) != 0)
		k++;
	if (nfields < 2 || k == ARRAY_SIZE(kinds))
		return malformed(r, "\"%.40s\" is none of open, alloc, free, close",
				 nfields > 1 ? fields[1] : "");
	if (nfields != 2 + kinds[k].nnumbers)
		return malformed(r, "%d fields behind the time; it should read: T %s", nfields - 1,
				 kinds[k].form);
	for (int i = 0; i < kinds[k].nnumbers; i++) {
		const char *wrong = number_parse(fields[2 + i], &n[i]);

		if (wrong)
			return malformed(r, "\"%.40s\" %s", fields[2 + i], wrong);
	}
	e.kind = kinds[k].kind;
	err = kinds[k].read(r, &e, n);
	return err ? err : event_add(r, &e);
}

/* "#: region NAME base ADDR page BYTES" */
static int region_read(struct reader *r, char **fields, int nfields)
{
	struct workload_origin *o = &r->w.origin;

	if (nfields != 7 || number_parse(fields[4], &o->base_addr) ||
	    number_parse(fields[6], &o->page_size_bytes) || !o->page_size_bytes)
		return malformed(r, "it should read: #: region NAME base ADDR page BYTES");
	o->known = true;
	return 0;
}

static const struct {
	const char *word;
	enum event_place place;
} places[] = {
	{"at", PLACE_FIRST},
	{"placed", PLACE_OTHER},
	{"held", PLACE_HELD},
	{"handed", PLACE_HANDED},
};

/* "#: at ADDR" and its like. */
static int place_read(struct reader *r, enum event_place place, char **fields, int nfields)
{
	const struct workload_origin *o = &r->w.origin;

	if (nfields != 3 || number_parse(fields[2], &r->addr))
		return malformed(r, "it should read: #: %s ADDR", fields[1]);
	if (!o->known)
		return malformed(r, "an address, and no #: region before it");
	if (r->addr < o->base_addr || (r->addr - o->base_addr) % o->page_size_bytes)
		return malformed(r, "0x%" PRIx64 " is no page's address there", r->addr);
	r->place = place;
	r->w.origin.nplaced += place == PLACE_OTHER;
	return 0;
}

/* What a recorder has noted. Words that this version does not know are comments like others. */
static int note_read(struct reader *r, char *line)
{
	struct workload_origin *o = &r->w.origin;
	char *fields[NFIELDS_MAX];
	int nfields = split(line, fields);
	uint64_t n = 0;

	if (nfields < 2)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (!strcmp(fields[1], places[i].word))
			return place_read(r, places[i].place, fields, nfields);
	}
	if (!strcmp(fields[1], "region"))
		return region_read(r, fields, nfields);
	if (!strcmp(fields[1], "empty"))
		o->empty = true;
	else if (!strcmp(fields[1], "restart"))
		o->nrestarts++;
	else if (!strcmp(fields[1], "lost") && (nfields != 3 || number_parse(fields[2], &n)))
		return malformed(r, "it should read: #: lost N");
	o->nlost += n;
	return 0;
}

static int lines_read(FILE *file, struct reader *r)
{
	char *line = NULL;
	size_t room = 0;
	int err = 0;

	while (!err) {
		ssize_t n = getline(&line, &room, file);

		if (n < 0)
			break;
		r->why->line++;
		if (n && line[n - 1] == '\n')
			line[--n] = '\0';
		if (strlen(line) != (size_t)n)
			err = malformed(r, "a NUL byte: this is no text file");
		else if (!strncmp(line, "#: ", 3))
			err = note_read(r, line);
		else if (n && line[0] != '#')
			err = line_read(r, line);
	}
	if (!err && ferror(file))
		err = errno ? -errno : -EIO;
	free(line);
	return err;
}

int workload_read(FILE *file, struct workload *ret, struct workload_error *why)
{
	struct reader r = {.why = why};
	int err;

	why->line = 0;
	err = lines_read(file, &r);
	if (!err && !r.w.nevents) {
		why->line = 0;
		err = malformed(&r, "holds nothing to replay");
	}
	tdestroy(r.sessions, named_free);
	tdestroy(r.extents, named_free);
	if (err)
		workload_deinit(&r.w);
	else
		*ret = r.w;
	return err;
}

void workload_deinit(struct workload *w)
{
	free(w->events);
}
