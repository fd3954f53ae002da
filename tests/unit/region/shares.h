/*
 * shares - an extent with several holders, and short names for what tests do with it
 *
 * Role:       shared by test_shares and test_heirs.
 * Uses:       region/, check
 */
#ifndef PALLOCD_TESTS_REGION_SHARES_H
#define PALLOCD_TESTS_REGION_SHARES_H

#include <stdio.h>

#include "region/extras.h"
#include "world.h"

static inline uint64_t addr_of(uint64_t page)
{
	return BASE + page * PAGE;
}

static inline int share(struct world *w, struct session *s, uint64_t page)
{
	struct region_refusal rr = {0};
	struct region_view view;

	return region_share(w->r, s, addr_of(page), &view, &rr);
}

/* The outcome, or -100 - the holders that are left. */
#define LEFT(n) (-100 - (n))

static inline int release(struct world *w, struct session *s, uint64_t page)
{
	struct region_refusal rr = {0};
	uint64_t npages;
	uint32_t n;
	int err = region_release(w->r, s, addr_of(page), &npages, &n, &rr);

	return err ? err : LEFT((int)n);
}

static inline int hand(struct world *w, struct session *s, uint64_t page, struct owner *to)
{
	struct region_refusal rr = {0};
	uint64_t npages;

	return region_handover(w->r, s, addr_of(page), to, &npages, &rr);
}

/* Who holds the extent at @page: "a +b +c", 'u' for user 1000, '?' for others; "" for nobody. */
static inline const char *holders(const struct world *w, uint64_t page)
{
	static char line[100];
	const struct session *sessions[] = {w->a, w->b, w->c};
	struct region_view view;
	const struct extra *x;
	size_t at = 0;
	uint32_t i;

	world_check(w);
	line[0] = '\0';
	if (region_view(w->r, addr_of(page), &view))
		return line;
	line[at++] = view.owner->detached ? 'u' : '?';
	for (unsigned k = 0; k < 3; k++) {
		if (view.owner == &sessions[k]->owner)
			line[at - 1] = (char)('a' + k);
	}
	line[at] = '\0';
	i = extents_get(&w->r->extents, extents_at(&w->r->extents, page))->extra;
	if (i == EXTRA_NONE)
		return line;
	x = extras_get(w->r->extras, i);
	list_for_each (link, &x->shares) {
		const struct holding *h = list_entry(link, struct share, in_extra)->holding;
		char c = '?';

		for (unsigned k = 0; k < 3; k++)
			c = h->owner == &sessions[k]->owner ? (char)('a' + k) : c;
		at += (size_t)snprintf(line + at, sizeof(line) - at, " +%c", c);
	}
	ck_assert_uint_eq(view.nholders, 1 + x->nshares);
	return line;
}

/* A region of 100 pages: 0+10 of a's, shared by b and then c; 10+5 of a's alone. */
static inline void shared_world(struct world *w, enum region_death death)
{
	struct region_config config = world_config(100, 100, 0);

	config.death = death;
	config.quarantine_usec = 100;
	world_init_with(w, &config);
	must_take(w, w->a, 10);
	must_take(w, w->a, 5);
	ck_assert_int_eq(share(w, w->b, 0), 0);
	ck_assert_int_eq(share(w, w->c, 0), 0);
	ck_assert_str_eq(holders(w, 0), "a +b +c");
}

#endif
