/*
 * test_pending_random - what is pending and what is being scavenged, beside an array of pages
 *
 * Role:       random steps of every verb, with requests and scavenges in flight, and memory that runs out; the array knows of each page whose it
 *             is and whether it holds data. After each step the outcome is what the array says, and the region agrees with itself;
 *             after some, every page is compared.
 * Uses:       pending_model.h, region/, check
 */
#include "pending_model.h"
#include "tests/unit/suite.h"

#define NSTEPS 60000

/* What a batch will be told; @ret_page: where its entries go. */
static int batch_wanted(struct model *m, const uint64_t *npages, uint32_t n, uint64_t *ret_page)
{
	uint64_t total = 0, nopen = 0;
	int want = 0;
	uint32_t i;

	for (i = 0; i < n; i++)
		total += npages[i];
	for (uint64_t page = 0; page < LIMIT; page++)
		nopen += is_free(m, page) || m->page[page].busy;
	if (total > nopen)
		return REGION_E_NO_SPACE;
	for (i = 0; i < n && !want; i++) {
		ret_page[i] = place(m, is_free, npages[i]);
		if (ret_page[i] == UINT64_MAX)
			want = place(m, is_open, npages[i]) == UINT64_MAX ? REGION_E_NO_SPACE
									  : REGION_E_BUSY;
		else /* for now, so that the next goes elsewhere */
			for (uint64_t k = 0; k < npages[i]; k++)
				m->page[ret_page[i] + k].extent = UINT32_MAX;
	}
	for (uint64_t page = 0; page < LIMIT; page++)
		if (m->page[page].extent == UINT32_MAX)
			m->page[page].extent = 0;
	return want;
}

static uint32_t batch_make(struct model *m, uint64_t *npages)
{
	uint32_t n = 1 + (uint32_t)below(m, BATCH_MAX);

	for (uint32_t i = 0; i < n; i++)
		npages[i] = 1 + below(m, below(m, 4) ? 40 : 600);
	return n;
}

static bool step_alloc(struct model *m)
{
	uint64_t npages[BATCH_MAX], page[BATCH_MAX], addr[BATCH_MAX], nscav, clean = 0;
	uint32_t n = batch_make(m, npages);
	int want = batch_wanted(m, npages, n, page), err;
	uint8_t s = (uint8_t)below(m, NSESSIONS);
	struct region_refusal rr = {0};

	err = region_alloc(m->w.r, &m->session[s]->owner, npages, n, NULL, addr, &nscav, &rr);
	if (!outcome(m, err, want)) {
		forget(m);
		return false;
	}
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_uint_eq(addr[i], addr_of(page[i]));
		for (uint64_t k = 0; k < npages[i]; k++)
			clean += m->page[page[i] + k].clean;
		mark(m, page[i], npages[i], ++m->next_extent, s);
	}
	ck_assert_uint_eq(nscav, clean);
	return true;
}

static bool in_runs(const struct region_run *v, uint32_t n, uint64_t page)
{
	for (uint32_t i = 0; i < n; i++)
		if (page >= v[i].page && page < v[i].page + v[i].npages)
			return true;
	return false;
}

/* What @q says about its pages, before they are busy in the model: none twice, runs of them all, every page with data among the dirty. */
static void check_pending(struct model *m, const struct region_pending *q)
{
	uint64_t total = 0, clean = 0, in_all = 0;

	for (uint32_t i = 0; i < q->nruns; i++) {
		in_all += q->runs[i].npages;
		ck_assert(i == 0 || q->runs[i - 1].page + q->runs[i - 1].npages < q->runs[i].page);
	}
	for (uint32_t i = 0; i < q->n; i++) {
		for (uint64_t p = page_of(q->addr[i]); p < page_of(q->addr[i]) + q->npages[i];
		     p++) {
			bool dirty = in_runs(q->dirty, q->ndirty, p);

			if (dirty != !m->page[p].clean || (m->b->data[p] && !dirty) ||
			    !in_runs(q->runs, q->nruns, p))
				ck_abort_msg("page %" PRIu64 " is not as pending says", p);
			clean += m->page[p].clean;
		}
		total += q->npages[i];
		mark_busy(m, page_of(q->addr[i]), q->npages[i], true);
	}
	ck_assert_uint_eq(total, q->npages_total);
	ck_assert_uint_eq(in_all, total);
	ck_assert_uint_eq(clean, q->scavenged_npages);
	ck_assert_uint_eq(q->dirty_npages, total - clean);
}

static struct pend *pend_place(struct model *m)
{
	struct pend *p = &m->pend[below(m, PENDS_MAX)];

	p->beside = p->q ? p->beside : UINT64_MAX;
	return p;
}

static bool step_take(struct model *m)
{
	uint64_t npages[BATCH_MAX], page[BATCH_MAX];
	uint32_t n = batch_make(m, npages);
	int want = batch_wanted(m, npages, n, page), err;
	struct session *s = m->session[below(m, NSESSIONS)];
	struct region_refusal rr = {0};
	struct pend *p = pend_place(m);

	if (p->q)
		return false;
	err = region_take(m->w.r, &s->owner, npages, n, 0, NULL, &p->q, &rr);
	if (!outcome(m, err, want)) {
		forget(m);
		return false;
	}
	ck_assert_uint_eq(p->q->n, n);
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_uint_eq(p->q->addr[i], addr_of(page[i]));
		ck_assert_uint_eq(p->q->npages[i], npages[i]);
	}
	check_pending(m, p->q);
	return true;
}

static bool step_take_scattered(struct model *m)
{
	uint64_t npages = 1 + below(m, 900), nopen = 0;
	struct session *s = m->session[below(m, NSESSIONS)];
	struct region_refusal rr = {0};
	struct pend *p = pend_place(m);
	int err;

	if (p->q)
		return false;
	err = region_take(m->w.r, &s->owner, &npages, 1, LIMIT, NULL, &p->q, &rr);
	for (uint64_t i = 0; i < LIMIT; i++)
		nopen += is_free(m, i) || m->page[i].busy;
	if (!outcome(m, err,
		     npages <= count(m, is_free) ? 0
		     : npages <= nopen           ? REGION_E_BUSY
						 : REGION_E_NO_SPACE)) {
		forget(m);
		return false;
	}
	check_pending(m, p->q);
	ck_assert_uint_eq(p->q->npages_total, npages);
	return true;
}

static bool step_finish(struct model *m)
{
	struct pend *p = pend_place(m);
	uint64_t addr[LIMIT / 4], npages[LIMIT / 4], room = m->w.r->room;
	uint8_t s = (uint8_t)below(m, NSESSIONS);
	struct region_refusal rr = {0};
	uint32_t n;

	if (!p->q || p->beside != UINT64_MAX || p->q->n > LIMIT / 4)
		return false;
	n = p->q->n;
	memcpy(addr, p->q->addr, n * sizeof(*addr));
	memcpy(npages, p->q->npages, n * sizeof(*npages));
	/* Who finishes need not be who began. */
	if (!outcome(m,
		     pending_finish(p->q, &m->session[s]->owner, "", below(m, 2) ? "l" : "", &rr),
		     0))
		return false;
	ck_assert_uint_ne(m->w.r->room, room);
	for (uint32_t i = 0; i < n; i++) {
		mark_busy(m, page_of(addr[i]), npages[i], false);
		mark(m, page_of(addr[i]), npages[i], ++m->next_extent, s);
	}
	p->q = NULL;
	return true;
}

static bool step_give_up(struct model *m)
{
	struct pend *p = pend_place(m);
	uint64_t room = m->w.r->room;

	if (!p->q)
		return false;
	for (uint32_t i = 0; i < p->q->n; i++)
		mark_busy(m, page_of(p->q->addr[i]), p->q->npages[i], false);
	pending_give_back(p->q);
	ck_assert_uint_ne(m->w.r->room, room);
	p->q = NULL;
	return true;
}

/* The edge of an extent that moves outwards by @more, and what it will be told. */
static int beside_wanted(struct model *m, uint64_t page, uint64_t more, enum region_edge edge,
			 uint64_t *ret_lo)
{
	uint64_t n, first = extent_of(m, page, &n), lo, hi;

	if (edge == REGION_UPPER ? first + n + more > LIMIT : more > first)
		return REGION_E_OUT_OF_REGION;
	lo = edge == REGION_UPPER ? first + n : first - more;
	hi = lo + more;
	*ret_lo = lo;
	if (all_are(m, is_free, lo, hi))
		return 0;
	return all_are(m, is_open, lo, hi) ? REGION_E_BUSY : REGION_E_NOT_FREE;
}

static bool step_resize(struct model *m)
{
	enum region_edge edge = below(m, 2) ? REGION_UPPER : REGION_LOWER;
	uint64_t page, n, first, more = 1 + below(m, 40), lo = 0, addr, nscav;
	struct region_refusal rr = {0};
	struct session *s;
	int want;

	if (!any_held(m, &page))
		return false;
	first = extent_of(m, page, &n);
	want = beside_wanted(m, page, more, edge, &lo);
	s = m->session[m->page[page].session];
	if (!outcome(m,
		     region_resize(m->w.r, s, addr_of(first), n + more, edge, &addr, &nscav, &rr),
		     want))
		return false;
	mark(m, lo, more, m->page[page].extent, m->page[page].session);
	return true;
}

static bool step_take_beside(struct model *m)
{
	uint64_t page, n, first, more = 1 + below(m, 40), lo = 0;
	struct region_refusal rr = {0};
	struct pend *p = pend_place(m);
	int want;

	if (p->q || !any_held(m, &page))
		return false;
	p->edge = below(m, 2) ? REGION_UPPER : REGION_LOWER;
	first = extent_of(m, page, &n);
	want = beside_wanted(m, page, more, p->edge, &lo);
	if (!outcome(m,
		     region_take_beside(m->w.r, m->session[m->page[page].session], addr_of(first),
					n + more, p->edge, &p->q, &rr),
		     want))
		return false;
	ck_assert_uint_eq(p->q->addr[0], addr_of(lo));
	p->beside = first;
	check_pending(m, p->q);
	return true;
}

static bool step_finish_beside(struct model *m)
{
	struct pend *p = pend_place(m);
	uint64_t n = 1, first, lo, more, addr;
	struct region_refusal rr = {0};
	struct session *s;
	int err;

	if (!p->q || p->beside == UINT64_MAX || !m->page[p->beside].extent)
		return false;
	first = extent_of(m, p->beside, &n);
	lo = page_of(p->q->addr[0]);
	more = p->q->npages[0];
	s = m->session[m->page[first].session];
	err = pending_finish_beside(p->q, s, addr_of(p->beside), n + more, p->edge, &addr, &rr);
	/* The extent may have become another since. */
	if (p->edge == REGION_UPPER ? first + n != lo : lo + more != first || first != p->beside) {
		ck_assert_int_gt(err, 0);
		return false;
	}
	if (!outcome(m, err, first == p->beside ? 0 : REGION_E_INSIDE))
		return false;
	mark_busy(m, lo, more, false);
	mark(m, lo, more, m->page[first].extent, m->page[first].session);
	p->q = NULL;
	return true;
}

static bool step_free(struct model *m)
{
	uint64_t page, npages, first, given, shared, addr;
	struct region_refusal rr = {0};

	if (!any_held(m, &page))
		return false;
	first = extent_of(m, page, &npages);
	if (below(m, 3) == 0) {
		npages -= page - first;
		first = page;
	}
	addr = addr_of(first);
	if (!outcome(m,
		     region_free(m->w.r, m->session[m->page[first].session], &addr, &npages, 1,
				 &given, &shared, &rr),
		     0))
		return false;
	mark(m, first, npages, 0, 0);
	return true;
}

static bool step_scavenge(struct model *m)
{
	struct scavenge *sc = &m->scavenge[below(m, SCAVENGES_MAX)];
	uint64_t max = 1 + below(m, 700), left = max;

	if (sc->n)
		return false;
	sc->n = region_scavenge_begin(m->w.r, max, sc->runs);
	if (mem_failed() && sc->n == 0) {
		m->nmem++;
		return false;
	}
	/* The highest pages that are free and may hold something. */
	for (uint64_t i = LIMIT; i-- > 0 && left;) {
		if (!is_free(m, i) || m->page[i].clean)
			continue;
		if (!in_runs(sc->runs, sc->n, i))
			ck_abort_msg("page %" PRIu64 " was to be scavenged", i);
		left--;
	}
	for (uint32_t i = 0; i < sc->n; i++) {
		max -= sc->runs[i].npages;
		mark_busy(m, sc->runs[i].page, sc->runs[i].npages, true);
	}
	ck_assert_uint_eq(max, left);
	return sc->n != 0;
}

static bool step_scavenged(struct model *m)
{
	struct scavenge *sc = &m->scavenge[below(m, SCAVENGES_MAX)];
	bool released = below(m, 4);
	uint64_t room = m->w.r->room;

	if (!sc->n)
		return false;
	region_scavenge_end(m->w.r, sc->runs, sc->n, released);
	ck_assert_uint_ne(m->w.r->room, room);
	for (uint32_t i = 0; i < sc->n; i++) {
		uint64_t page = sc->runs[i].page, n = sc->runs[i].npages;

		mark_busy(m, page, n, false);
		m->released += released ? n : 0;
		for (uint64_t k = page; released && k < page + n; k++) {
			m->b->data[k] = false;
			m->page[k].clean = is_free(m, k);
		}
	}
	sc->n = 0;
	return true;
}

static bool step_hold(struct model *m)
{
	uint64_t page = below(m, LIMIT), npages = 1 + below(m, 200);
	bool drain = below(m, 2), undo = below(m, 2), used = false, busy = false, held = true;
	struct region_in_use use;
	struct region_refusal rr = {0};
	int want = 0;

	if (npages > LIMIT - page)
		npages = LIMIT - page;
	/* What is held is mostly let go again where it was. */
	for (uint64_t i = 0; undo && i < LIMIT; i++, page = (page + 1) % LIMIT)
		if (drain ? m->page[page].drained : m->page[page].reserved)
			break;
	for (uint64_t n = 0; undo && n < npages; n++)
		if (page + n == LIMIT ||
		    !(drain ? m->page[page + n].drained : m->page[page + n].reserved))
			npages = n ? n : 1;
	for (uint64_t i = page; i < page + npages; i++) {
		used |= m->page[i].extent != 0;
		busy |= m->page[i].busy;
		held &= drain ? m->page[i].drained : m->page[i].reserved;
	}
	if (undo)
		want = held ? 0 : REGION_E_NOT_HELD;
	else if (!drain)
		want = used ? REGION_E_IN_USE : busy ? REGION_E_BUSY : 0;
	if (!outcome(m,
		     drain ? region_drain(m->w.r, addr_of(page), npages, undo, &use, &rr)
			   : region_reserve(m->w.r, addr_of(page), npages, undo, &use, &rr),
		     want))
		return false;
	for (uint64_t i = page; i < page + npages; i++) {
		*(drain ? &m->page[i].drained : &m->page[i].reserved) = !undo;
		m->page[i].clean = false;
	}
	return true;
}

/* One chunk comes or goes. What was written on it is still there when it comes again. */
static bool step_reshape(struct model *m)
{
	uint64_t first = below(m, LIMIT / CHUNK + 1) * CHUNK, addr, n;
	uint64_t limit = first + CHUNK < LIMIT ? first + CHUNK : LIMIT;
	bool used = false, busy = false, grows = !m->page[first].grown;
	struct region_in_use use;
	struct region_refusal rr = {0};
	int err;

	for (uint64_t i = first; i < limit; i++) {
		used |= m->page[i].extent != 0;
		busy |= m->page[i].busy;
	}
	err = grows ? region_grow(m->w.r, addr_of(first), limit - first, &addr, &n, &rr)
		    : region_shrink(m->w.r, addr_of(first), limit - first, &addr, &n, &use, &rr);
	if (!outcome(m, err, used ? REGION_E_IN_USE : busy ? REGION_E_BUSY : 0)) {
		/* A shrink that failed late has let go of what it drains, and taken it again. */
		forget(m);
		return false;
	}
	for (uint64_t i = first; i < limit; i++) {
		m->page[i].grown = grows;
		m->page[i].drained &= grows;
		m->page[i].clean = is_free(m, i) && !m->b->data[i];
	}
	return true;
}

static bool step_end(struct model *m)
{
	unsigned i = (unsigned)below(m, NSESSIONS);

	mem_fail_after(-1);
	world_end(m->session[i]);
	while (!regions_reclaim(&m->w.regions, 1 + (uint32_t)below(m, 20), 0))
		;
	for (uint64_t page = 0; page < LIMIT; page++)
		if (m->page[page].extent && m->page[page].session == i)
			mark(m, page, 1, 0, 0);
	m->session[i] = world_session(&m->w, 1000 + i);
	return true;
}

static void compare(const struct model *m)
{
	const struct region *r = m->w.r;
	uint64_t nbusy = 0, nclean = 0, nheld = 0, lo, hi;

	for (uint64_t i = 0; i < LIMIT; i++) {
		const struct page *p = &m->page[i];
		bool extent = extents_over(&r->extents, i) != EXTENT_NONE;

		if (extent != (p->extent != 0) ||
		    (is_free(m, i) &&
		     pagealloc_next_dirty(r->pa, i, i + 1, &lo, &hi) == p->clean) ||
		    (p->clean && m->b->data[i]))
			ck_abort_msg("page %" PRIu64 ": its extent, or what is known of its memory",
				     i);
		nbusy += p->busy;
		nclean += p->clean;
		nheld += p->grown && !p->busy && !p->extent && (p->reserved || p->drained);
	}
	ck_assert_uint_eq(r->busy_npages, nbusy);
	ck_assert_uint_eq(scavenged(&m->w), nclean);
	ck_assert_uint_eq(region_free_npages(r), count(m, is_free));
	ck_assert_uint_eq(region_held_npages(r), nheld);
	ck_assert_uint_eq(r->counters.released, m->released);
}

static void step(struct model *m)
{
	static bool (*const steps[NKINDS])(struct model * m) = {
		step_alloc,     step_take,        step_take_scattered, step_finish, step_give_up,
		step_resize,    step_take_beside, step_finish_beside,  step_free,   step_scavenge,
		step_scavenged, step_hold,        step_reshape,        step_end,    step_free};
	static const uint8_t weights[NKINDS] = {10, 8, 4, 10, 3, 6, 8, 8, 20, 8, 10, 6, 4, 0, 0};
	uint64_t dice = below(m, 108);
	bool done;

	for (m->kind = 0; m->kind < 13 && dice >= weights[m->kind]; m->kind++)
		dice -= weights[m->kind];
	if (m->kind == 13 && below(m, 8))
		m->kind = 14;
	mem_fail_after(below(m, 8) ? -1 : (long)below(m, 4));
	done = steps[m->kind](m);
	mem_fail_after(-1);
	m->ndone[m->kind] += done;
	world_check(&m->w);
}

static void end_all(struct model *m)
{
	for (unsigned i = 0; i < PENDS_MAX; i++)
		pending_give_back(m->pend[i].q);
	for (unsigned i = 0; i < SCAVENGES_MAX; i++)
		if (m->scavenge[i].n)
			region_scavenge_end(m->w.r, m->scavenge[i].runs, m->scavenge[i].n, false);
	ck_assert_uint_eq(m->w.r->busy_npages, 0);
}

START_TEST(what_is_busy_agrees_with_an_array_of_pages)
{
	struct model *m = calloc(1, sizeof(*m));

	ck_assert_ptr_nonnull(m);
	random_init(&m->rnd, "what_is_busy_agrees_with_an_array_of_pages");
	backed_init(&m->w, LIMIT, 3 * CHUNK, 0);
	m->b = m->w.r->backing;
	for (uint64_t i = 0; i < 3 * CHUNK; i++)
		m->page[i].grown = m->page[i].clean = true;
	for (unsigned i = 0; i < NSESSIONS; i++)
		m->session[i] = world_session(&m->w, 1000 + i);
	for (int i = 0; i < NSTEPS; i++) {
		step(m);
		if (i % 16 == 0)
			compare(m);
	}
	compare(m);
	/* Every kind of step must have changed something, and been refused for what is busy where it can be, or little was tested. */
	for (unsigned i = 0; i < NKINDS; i++)
		ck_assert_msg(m->ndone[i] > 20, "step %u was done %u times", i, m->ndone[i]);
	ck_assert_uint_gt(m->nbusy[0], 20);
	ck_assert_uint_gt(m->nbusy[1], 20);
	ck_assert_uint_gt(m->nbusy[2], 20);
	ck_assert_uint_gt(m->nbusy[5], 20);
	ck_assert_uint_gt(m->nbusy[6], 20);
	ck_assert_uint_gt(m->nbusy[11], 20);
	ck_assert_uint_gt(m->nbusy[12], 20);
	ck_assert_uint_gt(m->nmem, 20);
	end_all(m);
	backed_deinit(&m->w);
	free(m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pending_random");
	TCase *tc = tcase_create("pending_random");

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, what_is_busy_agrees_with_an_array_of_pages);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
