/*
 * truth - a plain copy of all records
 *
 * Role:       see truth.h.
 * Uses:       region/, check
 */
#include "truth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "region/changes.h"

static void *zalloc(size_t n, size_t size)
{
	void *p = calloc(n, size);

	ck_assert_ptr_nonnull(p);
	return p;
}

static struct truth_extent *extent_copy(const struct region *r, uint64_t page)
{
	static struct record_holder shares[REGION_SHARES_MAX];
	struct truth_extent *e;
	struct extent_record record;

	if (!region_extent_get(r, page, shares, &record))
		return NULL;
	ck_assert_uint_eq(record.page, page);
	ck_assert_uint_le(record.nshares, TRUTH_NSHARES);
	e = zalloc(1, sizeof(*e));
	e->record = record;
	if (record.name)
		e->record.name = strcpy(e->name, record.name);
	if (record.label)
		e->record.label = strcpy(e->label, record.label);
	memcpy(e->shares, shares, record.nshares * sizeof(*shares));
	e->record.shares = e->shares;
	return e;
}

static void space_copy(struct truth_region *t, const struct region *r)
{
	free(t->ranges);
	t->ranges = zalloc(region_space_nranges(r) + 1, sizeof(*t->ranges));
	region_space_get(r, t->ranges, &t->space);
}

static struct truth_session *session_copy(const struct regions *rs, uint64_t id)
{
	const struct session *s = session_by_id(rs, id);
	struct truth_session *copy;

	if (!s)
		return NULL;
	copy = zalloc(1, sizeof(*copy));
	session_get(s, copy->quarantines, &copy->record);
	ck_assert_uint_eq(copy->record.id, id);
	ck_assert_uint_le(copy->record.memory[REGION_DURABILITY_PROCESS].n, TRUTH_REPLIES);
	if (copy->record.memory[REGION_DURABILITY_PROCESS].n)
		memcpy(copy->replies, copy->record.memory[REGION_DURABILITY_PROCESS].replies,
		       copy->record.memory[REGION_DURABILITY_PROCESS].n);
	copy->record.memory[REGION_DURABILITY_PROCESS].replies = copy->replies;
	return copy;
}

static void extents_take(struct truth_region *t, const struct region *r)
{
	for (uint64_t page = 0; page < TRUTH_NPAGES; page++) {
		free(t->extents[page]);
		t->extents[page] = extent_copy(r, page);
	}
}

static void sessions_take(struct truth *t, const struct regions *rs)
{
	ck_assert_uint_lt(rs->next_session_id, TRUTH_NSESSIONS);
	for (uint64_t id = 1; id < rs->next_session_id; id++) {
		free(t->sessions[id]);
		t->sessions[id] = session_copy(rs, id);
	}
}

struct truth *truth_take(const struct regions *rs)
{
	struct truth *t = zalloc(1, sizeof(*t));

	for (uint32_t i = 0; i < rs->n; i++) {
		extents_take(&t->region[i], rs->table[i]);
		space_copy(&t->region[i], rs->table[i]);
	}
	sessions_take(t, rs);
	t->next_session_id = rs->next_session_id;
	return t;
}

void truth_free(struct truth *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < TRUTH_REGIONS; i++) {
		for (unsigned page = 0; page < TRUTH_NPAGES; page++)
			free(t->region[i].extents[page]);
		free(t->region[i].ranges);
	}
	for (unsigned id = 0; id < TRUTH_NSESSIONS; id++)
		free(t->sessions[id]);
	free(t);
}

static void region_follow(struct truth_region *t, struct region *r)
{
	struct changes *c = &r->changes;

	changes_sort(c);
	for (uint32_t i = 0; i < c->n; i++) {
		free(t->extents[c->pages[i]]);
		t->extents[c->pages[i]] = extent_copy(r, c->pages[i]);
	}
	if (c->all)
		extents_take(t, r);
	if (c->space)
		space_copy(t, r);
	changes_clear(c);
}

void truth_follow(struct truth *t, struct regions *rs)
{
	struct changes *c = &rs->session_changes;

	for (uint32_t i = 0; i < rs->n; i++)
		region_follow(&t->region[i], rs->table[i]);
	changes_sort(c);
	for (uint32_t i = 0; i < c->n; i++) {
		ck_assert_uint_lt(c->pages[i], TRUTH_NSESSIONS);
		free(t->sessions[c->pages[i]]);
		t->sessions[c->pages[i]] = session_copy(rs, c->pages[i]);
	}
	if (c->all)
		sessions_take(t, rs);
	changes_clear(c);
	t->next_session_id = rs->next_session_id;
	rs->changed = false;
}

static bool text_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool holders_same(const struct record_holder *a, const struct record_holder *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (a[i].session != b[i].session || a[i].uid != b[i].uid)
			return false;
	}
	return true;
}

static bool extent_same(const struct truth_extent *a, const struct truth_extent *b)
{
	const struct extent_record *x = &a->record, *y = &b->record;

	return x->page == y->page && x->npages == y->npages &&
	       holders_same(&x->owner, &y->owner, 1) && text_same(x->name, y->name) &&
	       text_same(x->label, y->label) && x->nshares == y->nshares &&
	       holders_same(x->shares, y->shares, x->nshares);
}

static bool ranges_same(const struct record_range *a, uint32_t na, const struct record_range *b,
			uint32_t nb)
{
	for (uint32_t i = 0; i < na && na == nb; i++) {
		if (a[i].page != b[i].page || a[i].npages != b[i].npages)
			return false;
	}
	return na == nb;
}

static bool space_same(const struct space_record *a, const struct space_record *b)
{
	return a->base_addr == b->base_addr && a->page_size_bytes == b->page_size_bytes &&
	       a->generation == b->generation &&
	       ranges_same(a->grown, a->ngrown, b->grown, b->ngrown) &&
	       ranges_same(a->reserved, a->nreserved, b->reserved, b->nreserved) &&
	       ranges_same(a->drained, a->ndrained, b->drained, b->ndrained);
}

static bool quarantines_same(const struct session_record *a, const struct session_record *b)
{
	for (uint32_t i = 0; i < a->nquarantines && a->nquarantines == b->nquarantines; i++) {
		if (a->quarantines[i].region != b->quarantines[i].region ||
		    a->quarantines[i].until_usec != b->quarantines[i].until_usec)
			return false;
	}
	return a->nquarantines == b->nquarantines;
}

static bool session_same(const struct truth_session *x, const struct truth_session *y)
{
	const struct session_record *a = &x->record, *b = &y->record;

	return a->id == b->id && a->uid == b->uid && a->gid == b->gid && a->pid == b->pid &&
	       a->state == b->state && a->open_usec == b->open_usec &&
	       a->grace_usec == b->grace_usec && a->deadline_usec == b->deadline_usec &&
	       a->accepts_handover == b->accepts_handover && a->repeats == b->repeats &&
	       memcmp(a->token, b->token, sizeof(a->token)) == 0 &&
	       strcmp(a->client, b->client) == 0 && strcmp(a->command, b->command) == 0 &&
	       quarantines_same(a, b) &&
	       a->memory[REGION_DURABILITY_PROCESS].done ==
		       b->memory[REGION_DURABILITY_PROCESS].done &&
	       a->memory[REGION_DURABILITY_PROCESS].n == b->memory[REGION_DURABILITY_PROCESS].n &&
	       memcmp(x->replies, y->replies, a->memory[REGION_DURABILITY_PROCESS].n) == 0;
}

static bool region_differs(const struct truth_region *a, const struct truth_region *b,
			   unsigned region, char *buf, size_t size)
{
	for (unsigned page = 0; page < TRUTH_NPAGES; page++) {
		const struct truth_extent *x = a->extents[page], *y = b->extents[page];

		if (x && y ? extent_same(x, y) : x == y)
			continue;
		snprintf(buf, size,
			 "region %u, extent at page %u: %" PRIu64 " pages, and %" PRIu64 " pages",
			 region + 1, page, x ? x->record.npages : 0, y ? y->record.npages : 0);
		return true;
	}
	if (space_same(&a->space, &b->space))
		return false;
	snprintf(buf, size, "region %u: its space", region + 1);
	return true;
}

bool truth_differs(const struct truth *a, const struct truth *b, char *buf, size_t size)
{
	for (unsigned i = 0; i < TRUTH_REGIONS; i++) {
		if (region_differs(&a->region[i], &b->region[i], i, buf, size))
			return true;
	}
	for (unsigned id = 0; id < TRUTH_NSESSIONS; id++) {
		const struct truth_session *x = a->sessions[id], *y = b->sessions[id];

		if (x && y ? session_same(x, y) : x == y)
			continue;
		snprintf(buf, size, "session %u: %s until %" PRIu64 ", and %s until %" PRIu64, id,
			 x ? session_state_name(x->record.state) : "gone",
			 x ? x->record.deadline_usec : 0,
			 y ? session_state_name(y->record.state) : "gone",
			 y ? y->record.deadline_usec : 0);
		return true;
	}
	return false;
}

static int extents_put(const struct truth_region *t, struct regions *rs, struct region *r,
		       char *buf, size_t size)
{
	int err = 0;

	for (unsigned page = 0; !err && page < TRUTH_NPAGES; page++) {
		if (t->extents[page])
			err = region_extent_put(rs, r, &t->extents[page]->record, buf, size);
	}
	return err;
}

int truth_put(const struct truth *t, struct regions *rs, uint64_t until_usec, char *buf,
	      size_t size)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < rs->n; i++)
		err = region_space_put(rs->table[i], &t->region[i].space, buf, size);
	for (unsigned id = 0; !err && id < TRUTH_NSESSIONS; id++) {
		if (t->sessions[id])
			err = session_put(rs, &t->sessions[id]->record, until_usec, buf, size);
	}
	for (uint32_t i = 0; !err && i < rs->n; i++)
		err = extents_put(&t->region[i], rs, rs->table[i], buf, size);
	return err ? err : regions_put_end(rs, t->next_session_id, buf, size);
}

void truth_restart(struct truth *t, uint64_t until_usec)
{
	for (unsigned id = 0; id < TRUTH_NSESSIONS; id++) {
		struct session_record *s = t->sessions[id] ? &t->sessions[id]->record : NULL;

		if (!s || (s->state != SESSION_OPEN && s->state != SESSION_GRACE))
			continue;
		s->state = SESSION_GRACE;
		if (s->deadline_usec < until_usec)
			s->deadline_usec = until_usec;
	}
}
