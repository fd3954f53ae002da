/*
 * recording - a workload file that is being written
 *
 * Role:       see recording.h.
 * Uses:       holdings.h, journal.h
 *
 * Sessions are opened with their first extent: who takes nothing here is no part of it. Detached extents of a user belong to a
 * session of the file that is never closed.
 *
 * What an ended session gives back comes in runs, and others may take some of it before all of it is there. The session is
 * closed in the file when all of it is; what came before somebody took pages is written as frees (K2).
 */
#include "client/cli/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/journal.h"

/* The first line, which is written again at the end: its length must not change. */
#define FIRST_LINE_BYTES 192

/* Of --max-bytes, for the last line. */
#define LAST_LINE_BYTES 128u

/* Who holds something, or may. */
struct owner {
	struct holder holder;
	uint64_t session;     /* its number in the file */
	uint64_t npages;      /* held */
	uint64_t file_npages; /* the same as a replay sees it: what is gone is not given back yet */
	bool ending;
};

/* Pages of an ending session that are free, and not written down yet. */
struct gone {
	struct owner *owner;
	struct held pages;
};

struct recording {
	struct paclient_region region;
	struct holdings held;
	void *owners;
	size_t ngone, gone_room;
	struct gone *gone;
	bool begun;                /* the first recording_sync() was there */
	uint64_t start_usec, usec; /* since 1970; of the line before */
	uint64_t nids, held_npages;
	struct recording_totals totals;
	struct journal journal;
};

static void first_line(struct recording *rec, const char *text)
{
	char line[FIRST_LINE_BYTES + 1];

	snprintf(line, sizeof(line), "# workload %s: page %" PRIu64 "; %s", rec->region.name,
		 rec->region.page_size_bytes, text);
	if (!rec->begun && !rec->journal.bytes) {
		journal_line(&rec->journal, "%-*s", FIRST_LINE_BYTES - 1, line);
		return;
	}
	/* Where it fails the first line says what it said before, and all else is there. */
	snprintf(line + strlen(line), sizeof(line) - strlen(line), "%*s",
		 (int)(FIRST_LINE_BYTES - 1 - strlen(line)), "");
	if (pwrite(rec->journal.fd, line, FIRST_LINE_BYTES - 1, 0) < 0)
		return;
}

struct recording *recording_new(int fd, const struct paclient_region *region, uint64_t bytes_max)
{
	struct recording *rec = calloc(1, sizeof(*rec));

	if (!rec)
		return NULL;
	rec->region = *region;
	rec->journal.fd = fd;
	rec->journal.bytes_max = bytes_max ? bytes_max - LAST_LINE_BYTES : 0;
	first_line(rec, "being recorded");
	journal_line(&rec->journal, "#: region %s base 0x%" PRIx64 " page %" PRIu64, region->name,
		     region->base_addr, region->page_size_bytes);
	return rec;
}

void recording_free(struct recording *rec)
{
	if (!rec)
		return;
	holdings_deinit(&rec->held);
	tdestroy(rec->owners, free);
	free(rec->gone);
	free(rec);
}

static uint64_t addr_of(const struct recording *rec, uint64_t page)
{
	return rec->region.base_addr + page * rec->region.page_size_bytes;
}

/* The time of the next line: never before the last one's, whatever becomes of the clock. */
static uint64_t line_time(struct recording *rec, uint64_t usec)
{
	if (usec > rec->usec)
		rec->usec = usec;
	return rec->usec - rec->start_usec;
}

static int by_holder(const void *a, const void *b)
{
	const struct holder *x = &((const struct owner *)a)->holder,
			    *y = &((const struct owner *)b)->holder;

	if (x->detached != y->detached)
		return x->detached - y->detached;
	return (x->number > y->number) - (x->number < y->number);
}

static struct owner *owner_find(const struct recording *rec, const struct holder *h)
{
	struct owner key = {.holder = *h};
	void *node = tfind(&key, &rec->owners, by_holder);

	return node ? *(struct owner **)node : NULL;
}

/* NULL without memory. */
static struct owner *owner_get(struct recording *rec, const struct holder *h, uint64_t usec)
{
	struct owner *o = owner_find(rec, h);

	if (o)
		return o;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	o->holder = *h;
	if (!tsearch(o, &rec->owners, by_holder)) {
		free(o);
		return NULL;
	}
	o->session = ++rec->totals.nsessions;
	journal_line(&rec->journal, "%" PRIu64 " open %" PRIu64, line_time(rec, usec), o->session);
	return o;
}

static void file_npages_less(struct recording *rec, struct owner *o, uint64_t npages)
{
	o->file_npages -= npages;
	rec->held_npages -= npages;
}

static void alloc_write(struct recording *rec, const struct owner *o, const struct held *x,
			const char *how, uint64_t usec)
{
	journal_line(&rec->journal, "#: %s 0x%" PRIx64, how, addr_of(rec, x->begin));
	journal_line(&rec->journal, "%" PRIu64 " alloc %" PRIu64 " %" PRIu64 " %" PRIu64,
		     line_time(rec, usec), o->session, x->id, x->end - x->begin);
	rec->totals.nallocs++;
}

static void free_write(struct recording *rec, struct owner *o, const struct held *x, uint64_t usec)
{
	uint64_t npages = x->end - x->begin;

	journal_line(&rec->journal, "%" PRIu64 " free %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
		     line_time(rec, usec), o->session, x->id, x->first, npages);
	rec->totals.nfrees++;
	file_npages_less(rec, o, npages);
}

static int pages_taken(struct recording *rec, const struct holder *h, uint64_t begin, uint64_t end,
		       const char *how, uint64_t usec)
{
	struct held x = {.begin = begin, .end = end, .holder = *h, .id = rec->nids + 1};
	struct owner *o = owner_get(rec, h, usec);

	if (!o || holdings_put(&rec->held, &x))
		return -ENOMEM;
	rec->nids++;
	o->npages += end - begin;
	o->file_npages += end - begin;
	rec->held_npages += end - begin;
	if (rec->held_npages > rec->totals.peak_npages)
		rec->totals.peak_npages = rec->held_npages;
	alloc_write(rec, o, &x, how, usec);
	return 0;
}

/* An ended session that holds nothing more; what it has given back needs no frees then. */
static void owner_close(struct recording *rec, struct owner *o, uint64_t usec)
{
	size_t kept = 0;

	for (size_t i = 0; i < rec->ngone; i++) {
		if (rec->gone[i].owner != o)
			rec->gone[kept++] = rec->gone[i];
	}
	rec->ngone = kept;
	file_npages_less(rec, o, o->file_npages);
	journal_line(&rec->journal, "%" PRIu64 " close %" PRIu64, line_time(rec, usec), o->session);
	tdelete(o, &rec->owners, by_holder);
	free(o);
}

/* Others take pages: what is gone must be free by then. */
static void gone_write(struct recording *rec, uint64_t usec)
{
	for (size_t i = 0; i < rec->ngone; i++)
		free_write(rec, rec->gone[i].owner, &rec->gone[i].pages, usec);
	rec->ngone = 0;
}

static int gone_add(struct recording *rec, struct owner *o, const struct held *x)
{
	if (rec->ngone == rec->gone_room) {
		size_t room = rec->gone_room ? 2 * rec->gone_room : 64;
		struct gone *bigger = reallocarray(rec->gone, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		rec->gone = bigger;
		rec->gone_room = room;
	}
	rec->gone[rec->ngone++] = (struct gone){o, *x};
	return 0;
}

/* What is held of the pages is held no more. */
static int pages_given(struct recording *rec, uint64_t begin, uint64_t end, uint64_t usec)
{
	struct held x;
	int more;

	while ((more = holdings_cut(&rec->held, begin, end, &x)) > 0) {
		struct owner *o = owner_find(rec, &x.holder);

		begin = x.end;
		o->npages -= x.end - x.begin;
		free_write(rec, o, &x, usec);
		if (o->ending && !o->npages)
			owner_close(rec, o, usec);
	}
	return more;
}

static int pages_reclaimed(struct recording *rec, uint64_t begin, uint64_t end, uint64_t usec)
{
	struct held x;
	int more;

	while ((more = holdings_cut(&rec->held, begin, end, &x)) > 0) {
		struct owner *o = owner_find(rec, &x.holder);

		begin = x.end;
		o->npages -= x.end - x.begin;
		/* The sessions of others end without a word to us. */
		o->ending = true;
		if (!o->npages)
			owner_close(rec, o, usec);
		else if (gone_add(rec, o, &x))
			return -ENOMEM;
	}
	return more;
}

static int pages_handed(struct recording *rec, const struct holder *to, uint64_t begin,
			uint64_t end, uint64_t usec)
{
	struct held x;
	int err = 0, more = 0;

	gone_write(rec, usec);
	while (!err && (more = holdings_cut(&rec->held, begin, end, &x)) > 0) {
		struct owner *o = owner_find(rec, &x.holder);

		begin = x.end;
		if (holder_is(&x.holder, to)) {
			err = holdings_put(&rec->held, &x);
			continue;
		}
		o->npages -= x.end - x.begin;
		free_write(rec, o, &x, usec);
		err = pages_taken(rec, to, x.begin, x.end, "handed", usec);
		if (o->ending && !o->npages)
			owner_close(rec, o, usec);
	}
	return err ? err : more;
}

static void session_ended(struct recording *rec, uint64_t id, uint64_t usec)
{
	struct owner *o = owner_find(rec, &(struct holder){.number = id});

	if (!o)
		return;
	o->ending = true;
	if (!o->npages)
		owner_close(rec, o, usec);
}

int recording_event(struct recording *rec, const struct paclient_event *e)
{
	struct holder h = {.detached = !e->session_id,
			   .number = e->session_id ? e->session_id : e->uid};
	uint64_t begin = (e->addr - rec->region.base_addr) / rec->region.page_size_bytes,
		 end = begin + e->npages;
	int err;

	switch (e->kind) {
	case PACLIENT_EVENT_ALLOC:
		gone_write(rec, e->time_usec);
		err = pages_given(rec, begin, end, e->time_usec);
		return err ? err
			   : pages_taken(rec, &h, begin, end, e->first_fit ? "at" : "placed",
					 e->time_usec);
	case PACLIENT_EVENT_FREE:
		return pages_given(rec, begin, end, e->time_usec);
	case PACLIENT_EVENT_RECLAIM:
		return pages_reclaimed(rec, begin, end, e->time_usec);
	case PACLIENT_EVENT_HANDOVER:
		return pages_handed(rec, &h, begin, end, e->time_usec);
	case PACLIENT_EVENT_SESSION_END:
		session_ended(rec, e->session_id, e->time_usec);
		return 0;
	default:
		return 0;
	}
}

/* Two views of who holds what, ascending. */
struct view {
	size_t n;
	struct held *held;
};

typedef int difference_fn(struct recording *rec, const struct held *x, uint64_t usec);

/* Shows @each what is held in @a and not, or by another holder, in @b. */
static int differences(struct recording *rec, const struct view *a, const struct view *b,
		       difference_fn *each, uint64_t usec)
{
	int err = 0;

	for (size_t i = 0, j = 0; i < a->n && !err; i++) {
		struct held part = a->held[i];

		while (j < b->n && b->held[j].end <= part.begin)
			j++;
		for (size_t k = j; k < b->n && b->held[k].begin < a->held[i].end && !err; k++) {
			if (!holder_is(&b->held[k].holder, &part.holder))
				continue;
			part.end = b->held[k].begin;
			if (part.begin < part.end)
				err = each(rec, &part, usec);
			part.begin = b->held[k].end;
		}
		part.end = a->held[i].end;
		if (part.begin < part.end && !err)
			err = each(rec, &part, usec);
	}
	return err;
}

static int missing_free(struct recording *rec, const struct held *x, uint64_t usec)
{
	return pages_given(rec, x->begin, x->end, usec);
}

static int missing_alloc(struct recording *rec, const struct held *x, uint64_t usec)
{
	return pages_taken(rec, &x->holder, x->begin, x->end, rec->begun ? "placed" : "held", usec);
}

struct idle {
	struct recording *rec;
	struct owner *found;
};

static void idle_find(const void *node, VISIT visit, void *ctx)
{
	struct owner *o = *(struct owner *const *)node;
	struct idle *idle = ctx;

	if ((visit == postorder || visit == leaf) && !o->holder.detached && !o->npages)
		idle->found = o;
}

/* The ends of sessions may be among what was missed: those who hold nothing begin anew if they are there still. */
static void idle_close(struct recording *rec, uint64_t usec)
{
	struct idle idle;

	do {
		idle.found = NULL;
		twalk_r(rec->owners, idle_find, &idle);
		if (idle.found)
			owner_close(rec, idle.found, usec);
	} while (idle.found);
}

int recording_sync(struct recording *rec, struct holdings *seen, uint64_t usec)
{
	struct view before = {0}, now = {0};
	int err = holdings_all(&rec->held, &before.held, &before.n);

	if (!err)
		err = holdings_all(seen, &now.held, &now.n);
	holdings_deinit(seen);
	if (!rec->begun) {
		rec->start_usec = rec->usec = usec;
		/* Elsewhere pages are busy now and then, and first fit passes over them. */
		if (!err && !now.n && !rec->region.held_npages &&
		    rec->region.backing == PACLIENT_BACKING_NONE)
			journal_line(&rec->journal, "#: empty");
	}
	gone_write(rec, usec);
	if (!err)
		err = differences(rec, &before, &now, missing_free, usec);
	if (!err)
		err = differences(rec, &now, &before, missing_alloc, usec);
	if (!err)
		idle_close(rec, usec);
	rec->begun = true;
	free(before.held);
	free(now.held);
	return err;
}

void recording_lost(struct recording *rec, uint64_t n)
{
	journal_line(&rec->journal, "#: lost %" PRIu64, n);
}

void recording_restart(struct recording *rec)
{
	journal_line(&rec->journal, "#: restart");
}

void recording_flush(struct recording *rec)
{
	journal_flush(&rec->journal);
}

const char *recording_over(const struct recording *rec)
{
	return rec->journal.over[0] ? rec->journal.over : NULL;
}

void recording_end(struct recording *rec, const char *reason)
{
	const struct recording_totals *t = &rec->totals;
	char text[FIRST_LINE_BYTES], why[sizeof(rec->journal.over)];

	journal_flush(&rec->journal);
	snprintf(why, sizeof(why), "%s", rec->journal.over[0] ? rec->journal.over : reason);
	rec->journal.over[0] = '\0';
	rec->journal.bytes_max = 0;
	journal_line(&rec->journal, "#: end %s", why);
	journal_flush(&rec->journal);
	snprintf(rec->journal.over, sizeof(rec->journal.over), "%s", why);
	snprintf(text, sizeof(text),
		 "%" PRIu64 " sessions, %" PRIu64 " allocs, %" PRIu64 " frees, peak %" PRIu64
		 " pages",
		 t->nsessions, t->nallocs, t->nfrees, t->peak_npages);
	first_line(rec, text);
}

void recording_totals(const struct recording *rec, struct recording_totals *ret)
{
	*ret = rec->totals;
	ret->bytes = rec->journal.bytes + rec->journal.n;
}
