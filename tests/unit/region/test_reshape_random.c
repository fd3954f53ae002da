/*
 * test_reshape_random - extents and the region itself change their shape, beside an array of pages
 *
 * Role:       random steps of every verb that changes something; after each, the outcome is compared with what the array says, and
 *             after some, every page and the region's own check.
 * Uses:       region/, check
 */
#include <stdlib.h>

#include "tests/unit/random.h"
#include "world.h"

#define CHUNK PAGEALLOC_CHUNK_NPAGES
#define LIMIT (9 * CHUNK - 100)
#define NSTEPS 100000
#define NSESSIONS 3
#define SCATTER_MAX 6

struct page {
	uint32_t extent; /* 0: nobody's */
	uint8_t session; /* whose */
	bool grown, reserved, drained;
};

struct model {
	struct world w;
	struct random rnd;
	struct session *session[NSESSIONS];
	struct page page[LIMIT];
	uint32_t next_extent;
	unsigned ndone[16]; /* steps that changed something, by kind */
};

static uint64_t addr_of(uint64_t page)
{
	return BASE + page * PAGE;
}

static uint64_t below(struct model *m, uint64_t n)
{
	return random_below(&m->rnd, n);
}

static bool is_free(const struct model *m, uint64_t page)
{
	const struct page *p = &m->page[page];

	return page < LIMIT && p->grown && !p->extent && !p->reserved && !p->drained;
}

static uint64_t run_at(const struct model *m, uint64_t page)
{
	uint64_t n = 0;

	while (page + n < LIMIT && is_free(m, page + n))
		n++;
	return n;
}

static void mark(struct model *m, uint64_t page, uint64_t npages, uint32_t extent, uint8_t session)
{
	for (uint64_t i = page; i < page + npages; i++) {
		m->page[i].extent = extent;
		m->page[i].session = session;
	}
}

static void mark_new(struct model *m, uint64_t page, uint64_t npages, uint8_t session)
{
	if (run_at(m, page) < npages)
		ck_abort_msg("page %llu was not free",
			     (unsigned long long)(page + run_at(m, page)));
	mark(m, page, npages, ++m->next_extent, session);
}

/* First page and length of the extent around @page. */
static uint64_t extent_of(const struct model *m, uint64_t page, uint64_t *ret_npages)
{
	uint64_t first = page, n = 0;

	while (first > 0 && m->page[first - 1].extent == m->page[page].extent)
		first--;
	while (first + n < LIMIT && m->page[first + n].extent == m->page[page].extent)
		n++;
	*ret_npages = n;
	return first;
}

/* A page that somebody holds, if there is one near a random place. */
static bool any_held(struct model *m, uint64_t *ret_page)
{
	uint64_t page = below(m, LIMIT);

	for (unsigned i = 0; i < LIMIT && !m->page[page].extent; i++)
		page = (page + 1) % LIMIT;
	*ret_page = page;
	return m->page[page].extent != 0;
}

/* Where an extent goes, by trying every page. */
static uint64_t place(const struct model *m, uint64_t npages, uint64_t align, int strategy)
{
	uint64_t found = UINT64_MAX, shortest = UINT64_MAX, run, at;

	for (uint64_t first = 0; first < LIMIT; first += run + 1) {
		run = run_at(m, first);
		for (at = first; run && at + npages <= first + run; at++) {
			if ((BASE / PAGE + at) % align ||
			    (strategy == PAGEALLOC_BEST && run >= shortest))
				continue;
			if (strategy == PAGEALLOC_FIRST)
				return at;
			shortest = run;
			found = at;
		}
	}
	return found;
}

static bool step_alloc(struct model *m)
{
	struct region_placement p = {.align_npages = UINT64_C(1) << below(m, 8),
				     .strategy = (enum pagealloc_strategy)below(m, 3)};
	uint64_t npages = 1 + below(m, below(m, 4) ? 60 : 900), addr, scavenged;
	uint8_t session = (uint8_t)below(m, NSESSIONS);
	uint64_t want = place(m, npages, p.align_npages, (int)p.strategy);
	struct region_refusal rr = {0};
	int err = region_alloc(m->w.r, &m->session[session]->owner, &npages, 1, &p, &addr,
			       &scavenged, &rr);

	if (want == UINT64_MAX) {
		ck_assert_int_eq(err, REGION_E_NO_SPACE);
		return false;
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(addr, addr_of(want));
	mark_new(m, want, npages, session);
	return true;
}

/* The fewest runs that sum up to @npages, longest first; more than @max if there are none. */
static uint32_t fewest(const struct model *m, uint64_t npages, uint32_t max)
{
	static uint64_t runs[LIMIT];
	uint32_t n = 0;
	uint64_t nruns = 0, longest, sum = 0;

	for (uint64_t first = 0, run; first < LIMIT; first += run + 1)
		if ((run = run_at(m, first)))
			runs[nruns++] = run;
	for (; sum < npages && n <= max; n++) {
		longest = 0;
		for (uint64_t i = 1; i < nruns; i++)
			longest = runs[i] > runs[longest] ? i : longest;
		if (nruns == 0 || runs[longest] == 0)
			return max + 1;
		sum += runs[longest];
		runs[longest] = 0;
	}
	return n;
}

static bool step_scatter(struct model *m)
{
	uint64_t npages = 1 + below(m, 1500), addr[SCATTER_MAX], lengths[SCATTER_MAX], sum = 0,
		 scavenged;
	uint32_t max = 1 + (uint32_t)below(m, SCATTER_MAX), n, want = fewest(m, npages, max);
	uint8_t session = (uint8_t)below(m, NSESSIONS);
	struct region_refusal rr = {0};
	int err = region_alloc_scattered(m->w.r, &m->session[session]->owner, npages, max, NULL,
					 addr, lengths, &n, &scavenged, &rr);

	if (want > max) {
		ck_assert_int_eq(err, REGION_E_NO_SPACE);
		return false;
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(n, want);
	for (uint32_t i = 0; i < n; i++) {
		mark_new(m, (addr[i] - BASE) / PAGE, lengths[i], session);
		sum += lengths[i];
	}
	ck_assert_uint_eq(sum, npages);
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
		npages = 1 + below(m, npages);
		first = page;
	}
	/* What lies above a hole in an extent is an extent of its own. */
	for (uint64_t i = first + npages;
	     i < LIMIT && m->page[i].extent && m->page[i].extent == m->page[first].extent; i++)
		m->page[i].extent = m->next_extent + 1;
	m->next_extent++;
	addr = addr_of(first);
	ck_assert_int_eq(region_free(m->w.r, m->session[m->page[first].session], &addr, &npages, 1,
				     &given, &shared, &rr),
			 0);
	mark(m, first, npages, 0, 0);
	return true;
}

/* The first page in the way of the edge at @from, going up or down to @to; UINT64_MAX: there is none. */
static uint64_t in_the_way(const struct model *m, uint64_t from, uint64_t to)
{
	for (; from < to; from++)
		if (!is_free(m, from))
			return from;
	for (; from > to; from--)
		if (!is_free(m, from - 1))
			return from - 1;
	return UINT64_MAX;
}

static bool step_resize(struct model *m)
{
	enum region_edge edge = below(m, 2) ? REGION_UPPER : REGION_LOWER;
	uint64_t page, first, old, npages, addr, scavenged, lo, hi, bad;
	struct region_refusal rr = {0};
	uint8_t session, asker;
	uint32_t extent;
	int err;

	if (!any_held(m, &page))
		return false;
	first = extent_of(m, page, &old);
	extent = m->page[page].extent;
	session = m->page[page].session;
	asker = below(m, 10) ? session : (uint8_t)below(m, NSESSIONS);
	npages = below(m, old + 1 + below(m, 80));
	if (below(m, 10))
		page = first;
	err = region_resize(m->w.r, m->session[asker], addr_of(page), npages, edge, &addr,
			    &scavenged, &rr);
	if (asker != session) {
		ck_assert_int_eq(err, REGION_E_NOT_OWNER);
		return false;
	}
	if (page != first) {
		ck_assert_int_eq(err, REGION_E_INSIDE);
		ck_assert_uint_eq(rr.addr, addr_of(first));
		return false;
	}
	if (npages == 0) {
		ck_assert_int_eq(err, REGION_E_EMPTY);
		return false;
	}
	if (edge == REGION_UPPER ? first + npages > LIMIT : npages > first + old) {
		ck_assert_int_eq(err, REGION_E_OUT_OF_REGION);
		return false;
	}
	lo = edge == REGION_UPPER ? first : first + old - npages;
	hi = lo + npages;
	bad = edge == REGION_UPPER ? in_the_way(m, first + old, hi > first + old ? hi : first + old)
				   : in_the_way(m, first, lo < first ? lo : first);
	if (bad != UINT64_MAX) {
		ck_assert_int_eq(err, REGION_E_NOT_FREE);
		ck_assert_uint_eq(rr.addr, addr_of(bad));
		return false;
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(addr, addr_of(lo));
	mark(m, first, old, 0, 0);
	mark(m, lo, npages, extent, session);
	return true;
}

static bool step_split(struct model *m)
{
	uint64_t page, first, old, addr, npages, upper;
	struct region_refusal rr = {0};
	int err;

	if (!any_held(m, &page))
		return false;
	first = extent_of(m, page, &old);
	err = region_split(m->w.r, m->session[m->page[page].session], addr_of(page), &addr, &npages,
			   &upper, &rr);
	if (page == first) {
		ck_assert_int_eq(err, REGION_E_INSIDE);
		return false;
	}
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(addr, addr_of(first));
	ck_assert_uint_eq(npages, page - first);
	ck_assert_uint_eq(npages + upper, old);
	mark(m, page, upper, ++m->next_extent, m->page[page].session);
	return true;
}

/* Two extents, or one and a half, and perhaps what lies between. */
static bool step_join(struct model *m)
{
	uint64_t page, first, n, second, n2, end, npages;
	struct region_refusal rr = {0};
	uint32_t nextents = 0;
	int err, want = 0;

	if (!any_held(m, &page))
		return false;
	first = extent_of(m, page, &n);
	end = first + n;
	if (end < LIMIT && m->page[end].extent) {
		second = extent_of(m, end, &n2);
		end = second + n2;
	}
	if (below(m, 8) == 0)
		end -= below(m, end - first);
	npages = end - first;
	for (uint64_t i = first, len; i < end && !want; i += len) {
		extent_of(m, i, &len);
		if (m->page[i].session != m->page[first].session)
			want = REGION_E_NOT_OWNER;
		else if (i + len > end)
			want = REGION_E_INSIDE;
	}
	err = region_join(m->w.r, m->session[m->page[page].session], addr_of(first), npages,
			  &nextents, &rr);
	ck_assert_int_eq(err, want);
	if (err)
		return false;
	mark(m, first, npages, m->page[first].extent, m->page[first].session);
	return nextents > 1;
}

static bool step_grow(struct model *m)
{
	uint64_t page = below(m, LIMIT / CHUNK + 1) * CHUNK, npages = 1 + below(m, 700), addr, n;
	struct region_refusal rr = {0};
	uint64_t end = (page + npages + CHUNK - 1) / CHUNK * CHUNK;
	bool can = true;
	int err = region_grow(m->w.r, addr_of(page), npages, &addr, &n, &rr);

	if (page + npages > LIMIT) {
		ck_assert_int_eq(err, REGION_E_OUT_OF_REGION);
		return false;
	}
	end = end < LIMIT ? end : LIMIT;
	for (uint64_t i = page; i < end; i++)
		can = can && !m->page[i].grown;
	ck_assert_int_eq(err, can ? 0 : REGION_E_GROWN);
	for (uint64_t i = page; can && i < end; i++)
		m->page[i].grown = true;
	return can;
}

static bool step_shrink(struct model *m)
{
	uint64_t page = below(m, LIMIT), npages = 1 + below(m, LIMIT - page), addr, n, lo, hi;
	struct region_in_use use;
	struct region_refusal rr = {0};
	bool grown = true, used = false;
	int err;

	/* Mostly a chunk that is all free, if there is one. */
	for (uint64_t i = 0; i < LIMIT && below(m, 64) && run_at(m, page / CHUNK * CHUNK) < CHUNK;
	     i += CHUNK)
		page = (page + CHUNK) % LIMIT;
	if (run_at(m, page / CHUNK * CHUNK) >= CHUNK) {
		page = page / CHUNK * CHUNK;
		npages = CHUNK;
	}
	if (npages > LIMIT - page)
		npages = LIMIT - page;
	err = region_shrink(m->w.r, addr_of(page), npages, &addr, &n, &use, &rr);
	lo = (page + CHUNK - 1) / CHUNK * CHUNK;
	hi = page + npages == LIMIT ? LIMIT : (page + npages) / CHUNK * CHUNK;
	if (lo >= hi) {
		ck_assert_int_eq(err, REGION_E_CHUNKS);
		return false;
	}
	for (uint64_t i = lo; i < hi; i++) {
		grown = grown && m->page[i].grown;
		used = used || m->page[i].extent;
	}
	ck_assert_int_eq(err, !grown ? REGION_E_GROWN : used ? REGION_E_IN_USE : 0);
	if (err)
		return false;
	ck_assert_uint_eq(addr, addr_of(lo));
	ck_assert_uint_eq(n, hi - lo);
	for (uint64_t i = lo; i < hi; i++)
		m->page[i].grown = m->page[i].drained = false;
	return true;
}

static bool all_are(const struct model *m, uint64_t page, uint64_t npages, bool drained)
{
	for (uint64_t i = page; i < page + npages; i++)
		if (!(drained ? m->page[i].drained : m->page[i].reserved))
			return false;
	return true;
}

static bool step_hold(struct model *m, bool drain)
{
	uint64_t page = below(m, LIMIT), npages = 1 + below(m, 300);
	struct region_in_use use;
	struct region_refusal rr = {0};
	bool undo = below(m, 2), used = false;
	int err, want = 0;

	if (npages > LIMIT - page)
		npages = LIMIT - page;
	/* What is held is mostly let go again where it was. */
	for (uint64_t i = 0; undo && i < LIMIT && !all_are(m, page, npages, drain); i++) {
		page = (page + 1) % (LIMIT - npages + 1);
		npages = 1 + npages / 2;
	}
	for (uint64_t i = page; i < page + npages; i++)
		used = used || m->page[i].extent;
	if (undo && !all_are(m, page, npages, drain))
		want = REGION_E_NOT_HELD;
	else if (!undo && !drain && used)
		want = REGION_E_IN_USE;
	err = drain ? region_drain(m->w.r, addr_of(page), npages, undo, &use, &rr)
		    : region_reserve(m->w.r, addr_of(page), npages, undo, &use, &rr);
	ck_assert_int_eq(err, want);
	if (err)
		return false;
	for (uint64_t i = page; i < page + npages; i++)
		*(drain ? &m->page[i].drained : &m->page[i].reserved) = !undo;
	return true;
}

static bool step_end(struct model *m)
{
	unsigned i = (unsigned)below(m, NSESSIONS);

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
	uint64_t nfree = 0, ngrown = 0, held = 0;

	world_check(&m->w);
	for (uint64_t page = 0; page < LIMIT; page++) {
		const struct page *p = &m->page[page];
		uint32_t i = extents_over(&r->extents, page);
		uint64_t first = 0, n = 0;

		/* check notes each assertion, and there are many pages. */
		if (p->extent)
			first = extent_of(m, page, &n);
		if ((i != EXTENT_NONE) != (p->extent != 0) ||
		    (p->extent && (extents_get(&r->extents, i)->first != first ||
				   extents_get(&r->extents, i)->npages != n)))
			ck_abort_msg("page %llu: the extent there is another",
				     (unsigned long long)page);
		nfree += is_free(m, page);
		ngrown += p->grown;
		held += p->grown && !p->extent && (p->reserved || p->drained);
	}
	ck_assert_uint_eq(region_free_npages(r), nfree);
	ck_assert_uint_eq(r->grown_npages, ngrown);
	ck_assert_uint_eq(region_held_npages(r), held);
}

static bool step(struct model *m, uint64_t dice, unsigned *ret_kind)
{
	static const struct {
		uint64_t below;
		bool (*step)(struct model *m);
	} steps[] = {{35, step_alloc}, {42, step_scatter}, {62, step_free}, {78, step_resize},
		     {84, step_split}, {90, step_join},    {93, step_grow}, {96, step_shrink},
		     {99, NULL},       {100, NULL}};
	unsigned kind = 0;

	while (dice >= steps[kind].below)
		kind++;
	*ret_kind = kind;
	if (steps[kind].step)
		return steps[kind].step(m);
	if (kind == 8)
		return step_hold(m, below(m, 2));
	return below(m, 8) == 0 && step_end(m);
}

START_TEST(a_region_agrees_with_an_array_of_pages)
{
	struct region_config config = {.name = "shaped",
				       .base_addr = BASE,
				       .page_size_bytes = PAGE,
				       .limit_bytes = LIMIT * PAGE,
				       .initial_bytes = 3 * CHUNK * PAGE,
				       .best_fit = true};
	struct model *m = calloc(1, sizeof(*m));

	ck_assert_ptr_nonnull(m);
	random_init(&m->rnd, "a_region_agrees_with_an_array_of_pages");
	world_init(&m->w, 1, 1, 0);
	ck_assert_int_eq(regions_add(&m->w.regions, &config), 0);
	m->w.r = regions_by_id(&m->w.regions, 2);
	for (uint64_t i = 0; i < 3 * CHUNK; i++)
		m->page[i].grown = true;
	for (unsigned i = 0; i < NSESSIONS; i++)
		m->session[i] = world_session(&m->w, 1000 + i);
	for (int i = 0; i < NSTEPS; i++) {
		unsigned kind;

		if (step(m, below(m, 100), &kind))
			m->ndone[kind]++;
		if (i % 64 == 0)
			compare(m);
	}
	compare(m);
	/* Every kind of step must have changed something, or little was tested. */
	for (unsigned i = 0; i < 10; i++)
		ck_assert_msg(m->ndone[i] > 20, "step %u was done %u times", i, m->ndone[i]);
	world_deinit(&m->w);
	free(m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reshape_random");
	TCase *tc = tcase_create("reshape_random");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, a_region_agrees_with_an_array_of_pages);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
