/*
 * verbs - the functions behind the table
 *
 * Role:       see verbs.h. Each works on what stocked_world() has made.
 * Uses:       region/, check
 */
#include "verbs.h"
#include "region/pending.h"
#include "region/record.h"

static uint64_t addr_of(uint64_t page)
{
	return BASE + page * PAGE;
}

static void place(struct world *w, struct owner *o, uint64_t page, uint64_t npages,
		  const char *name, const char *label)
{
	struct region_placement p = {.rule = REGION_FIXED, .addr = addr_of(page)};
	struct region_refusal rr = {0};
	uint64_t addr, scavenged;

	ck_assert_int_eq(
		region_alloc_named(w->r, o, npages, name, label, &p, &addr, &scavenged, &rr), 0);
}

static void share(struct world *w, struct session *s, uint64_t page)
{
	struct region_refusal rr = {0};
	struct region_view view;

	ck_assert_int_eq(region_share(w->r, s, addr_of(page), &view, &rr), 0);
}

void stocked_world(struct world *w, enum region_death death)
{
	struct region_config c = world_config(2048, 1024, 512);

	c.death = death;
	c.quarantine_usec = 100;
	world_init_with(w, &c);
	world_session_grace(w, 1000, 50, 0);
	place(w, &w->a->owner, 0, 10, "one", "l");
	place(w, &w->a->owner, 10, 5, "", "");
	place(w, &w->b->owner, 15, 5, "", "");
	place(w, world_user(w, 1000), 20, 10, "", "");
	place(w, &w->c->owner, 30, 10, "shared", "");
	place(w, &w->a->owner, 50, 10, "", "cut");
	share(w, w->a, 30);
	share(w, w->b, 30);
}

static void free_of(struct world *w, struct session *s, uint64_t page, uint64_t npages)
{
	ck_assert_int_eq(give(w, s, page, npages), 0);
}

static void alloc_one(struct world *w)
{
	ck_assert_uint_eq(must_take(w, w->a, 3), 40);
}

static void alloc_grows(struct world *w)
{
	ck_assert_uint_eq(must_take(w, w->a, 1200), 60);
}

static void alloc_refused(struct world *w)
{
	int err;

	take(w, &w->a->owner, 4000, &err);
	ck_assert_int_eq(err, REGION_E_LIMIT);
	take(w, &w->a->owner, 2000, &err);
	ck_assert_int_eq(err, REGION_E_NO_SPACE);
}

static void alloc_batch(struct world *w)
{
	uint64_t npages[3] = {3, 4, 5}, addr[3], scavenged;
	struct region_refusal rr = {0};

	ck_assert_int_eq(region_alloc(w->r, &w->a->owner, npages, 3, NULL, addr, &scavenged, &rr),
			 0);
}

static void alloc_named(struct world *w)
{
	place(w, &w->a->owner, 70, 2, "name", "label");
}

static void alloc_scattered(struct world *w)
{
	uint64_t addr[4], npages[4], scavenged;
	struct region_refusal rr = {0};
	uint32_t n;

	ck_assert_int_eq(region_alloc_scattered(w->r, &w->a->owner, 970, 4, NULL, addr, npages, &n,
						&scavenged, &rr),
			 0);
	ck_assert_uint_eq(n, 2);
}

static void came_and_went(struct world *w)
{
	alloc_one(w);
	free_of(w, w->a, 40, 3);
}

static void free_whole(struct world *w)
{
	free_of(w, w->a, 10, 5);
}

static void free_two(struct world *w)
{
	free_of(w, w->a, 0, 15);
}

static void free_middle(struct world *w)
{
	free_of(w, w->a, 52, 3);
}

static void free_lower(struct world *w)
{
	free_of(w, w->a, 50, 4);
}

static void free_upper(struct world *w)
{
	free_of(w, w->a, 56, 4);
}

static void free_shared(struct world *w)
{
	free_of(w, w->c, 30, 10);
}

static void annotate(struct world *w, uint64_t page, const char *name, const char *label)
{
	struct region_refusal rr = {0};

	ck_assert_int_eq(region_annotate(w->r, w->a, addr_of(page), name, label, &rr), 0);
}

static void name_given(struct world *w)
{
	annotate(w, 10, "two", NULL);
}

static void name_taken_away(struct world *w)
{
	annotate(w, 0, "", NULL);
}

static void label_given(struct world *w)
{
	annotate(w, 10, NULL, "text");
}

static void label_other(struct world *w)
{
	annotate(w, 50, NULL, "text");
}

static void share_given(struct world *w)
{
	share(w, w->b, 0);
}

static void release(struct world *w, struct session *s, uint64_t page)
{
	struct region_refusal rr = {0};
	uint64_t npages;
	uint32_t n;

	ck_assert_int_eq(region_release(w->r, s, addr_of(page), &npages, &n, &rr), 0);
}

static void release_share(struct world *w)
{
	release(w, w->b, 30);
}

static void release_owner(struct world *w)
{
	release(w, w->c, 30);
}

static void release_last(struct world *w)
{
	release(w, w->a, 10);
}

static void handover(struct world *w, uint64_t page, struct session *from, struct owner *to)
{
	struct region_refusal rr = {0};
	uint64_t npages;

	ck_assert_int_eq(region_handover(w->r, from, addr_of(page), to, &npages, &rr), 0);
}

static void handover_user(struct world *w)
{
	handover(w, 0, w->a, world_user(w, 1000));
}

static void handover_sharer(struct world *w)
{
	handover(w, 30, w->c, &w->b->owner);
}

static void resize(struct world *w, uint64_t page, uint64_t npages, enum region_edge edge)
{
	struct region_refusal rr = {0};
	uint64_t addr, scavenged;

	ck_assert_int_eq(
		region_resize(w->r, w->a, addr_of(page), npages, edge, &addr, &scavenged, &rr), 0);
}

static void resize_longer(struct world *w)
{
	resize(w, 50, 12, REGION_UPPER);
}

static void resize_shorter(struct world *w)
{
	resize(w, 50, 7, REGION_UPPER);
}

static void resize_down(struct world *w)
{
	resize(w, 50, 12, REGION_LOWER);
}

static void resize_up(struct world *w)
{
	resize(w, 50, 7, REGION_LOWER);
}

static void resize_grows(struct world *w)
{
	resize(w, 50, 1000, REGION_UPPER);
}

static void split(struct world *w)
{
	struct region_refusal rr = {0};
	uint64_t addr, lower, upper;

	ck_assert_int_eq(region_split(w->r, w->a, addr_of(53), &addr, &lower, &upper, &rr), 0);
}

static void join(struct world *w)
{
	struct region_refusal rr = {0};
	uint32_t n;

	ck_assert_int_eq(region_join(w->r, w->a, addr_of(0), 15, &n, &rr), 0);
}

static void grow(struct world *w)
{
	struct region_refusal rr = {0};
	uint64_t addr, npages;

	ck_assert_int_eq(region_grow(w->r, 0, 1, &addr, &npages, &rr), 0);
}

static void grow_apart(struct world *w)
{
	struct region_refusal rr = {0};
	uint64_t addr, npages;

	ck_assert_int_eq(region_grow(w->r, addr_of(1536), 1, &addr, &npages, &rr), 0);
}

static void shrink(struct world *w)
{
	struct region_refusal rr = {0};
	struct region_in_use in_use;
	uint64_t addr, npages;

	ck_assert_int_eq(region_shrink(w->r, 0, 512, &addr, &npages, &in_use, &rr), 0);
}

static void reserve(struct world *w, bool undo)
{
	struct region_refusal rr = {0};
	struct region_in_use in_use;

	ck_assert_int_eq(region_reserve(w->r, addr_of(60), 10, undo, &in_use, &rr), 0);
}

static void drain(struct world *w, bool undo)
{
	struct region_refusal rr = {0};
	struct region_in_use in_use;

	ck_assert_int_eq(region_drain(w->r, addr_of(0), 100, undo, &in_use, &rr), 0);
}

static void reserve_do(struct world *w)
{
	reserve(w, false);
}

static void reserve_undo(struct world *w)
{
	reserve(w, true);
}

static void drain_do(struct world *w)
{
	drain(w, false);
}

static void drain_undo(struct world *w)
{
	drain(w, true);
}

static struct region_pending *pend(struct world *w)
{
	uint64_t npages[2] = {4, 6};
	struct region_pending *q = NULL;
	struct region_refusal rr = {0};

	ck_assert_int_eq(region_take(w->r, &w->a->owner, npages, 2, 0, NULL, &q, &rr), 0);
	return q;
}

static void pending_back(struct world *w)
{
	pending_give_back(pend(w));
}

static void pending_done(struct world *w)
{
	struct region_refusal rr = {0};

	ck_assert_int_eq(pending_finish(pend(w), &w->a->owner, "first", "both", &rr), 0);
}

static void pending_beside(struct world *w)
{
	struct region_pending *q = NULL;
	struct region_refusal rr = {0};
	uint64_t addr;

	ck_assert_int_eq(region_take_beside(w->r, w->a, addr_of(50), 14, REGION_LOWER, &q, &rr), 0);
	ck_assert_int_eq(pending_finish_beside(q, w->a, addr_of(50), 14, REGION_LOWER, &addr, &rr),
			 0);
}

static void session_new_one(struct world *w)
{
	world_session(w, 1001);
}

static void session_resumed(struct world *w)
{
	struct session *s = session_by_id(&w->regions, 4);
	struct session_peer peer = {.uid = 1000, .gid = 7, .pid = 8};

	ck_assert_int_eq(session_resume(&w->regions, &peer, s->token, 1, &s), 0);
}

static void session_leaves(struct world *w)
{
	session_leave(session_by_id(&w->regions, 4), SESSION_CLOSED, 1);
}

static void session_back(struct world *w)
{
	session_leaves(w);
	session_resumed(w);
}

static void session_comes_and_goes(struct world *w)
{
	world_end(world_session(w, 1001));
	ck_assert(regions_reclaim(&w->regions, 100, 0));
}

static void session_ends(struct world *w)
{
	world_end(w->a);
}

static void session_expires(struct world *w)
{
	session_leaves(w);
	ck_assert_uint_eq(regions_expire(&w->regions, 1000), UINT64_MAX);
}

static void session_gone(struct world *w)
{
	world_end(w->a);
	regions_reclaim(&w->regions, 100, 0);
}

static void session_gone_in_slices(struct world *w)
{
	world_end(w->a);
	while (!regions_reclaim(&w->regions, 1, 0))
		;
}

static void user_frees(struct world *w)
{
	free_of(w, w->a, 20, 10);
}

static void quarantine_ends(struct world *w)
{
	session_gone(w);
	regions_expire(&w->regions, 200);
	regions_reclaim(&w->regions, 100, 200);
}

static void quarantine_given_back(struct world *w)
{
	session_gone(w);
	/* Root's. */
	for (struct session *s = world_session(w, 0); s; s = NULL) {
		free_of(w, s, 0, 15);
		free_of(w, s, 50, 10);
	}
}

static void memory_void(struct world *w)
{
	region_void(w->r);
	ck_assert_uint_eq(w->r->generation, 2);
}

const struct verb verbs[] = {
	{.name = "alloc", .verb = alloc_one, .pages = "40"},
	{.name = "alloc that grows", .verb = alloc_grows, .pages = "60", .space = true},
	{.name = "alloc refused", .verb = alloc_refused},
	{.name = "alloc of three", .verb = alloc_batch, .pages = "40 43 60"},
	{.name = "alloc with a name", .verb = alloc_named, .pages = "70"},
	{.name = "scattered alloc", .verb = alloc_scattered, .pages = "40 60"},
	{.name = "alloc and free", .verb = came_and_went, .pages = "40"},
	{.name = "free", .verb = free_whole, .pages = "10"},
	{.name = "free of two", .verb = free_two, .pages = "0 10"},
	{.name = "free out of the middle", .verb = free_middle, .pages = "50 55"},
	{.name = "free of the lower part", .verb = free_lower, .pages = "50 54"},
	{.name = "free of the upper part", .verb = free_upper, .pages = "50"},
	{.name = "free of what is shared", .verb = free_shared, .pages = "30"},
	{.name = "name", .verb = name_given, .pages = "10"},
	{.name = "no name", .verb = name_taken_away, .pages = "0"},
	{.name = "label", .verb = label_given, .pages = "10"},
	{.name = "another label", .verb = label_other, .pages = "50"},
	{.name = "share", .verb = share_given, .pages = "0"},
	{.name = "release of a share", .verb = release_share, .pages = "30"},
	{.name = "release by the owner", .verb = release_owner, .pages = "30"},
	{.name = "release by the last", .verb = release_last, .pages = "10"},
	{.name = "handover to a user", .verb = handover_user, .pages = "0"},
	{.name = "handover to a sharer", .verb = handover_sharer, .pages = "30"},
	{.name = "resize, longer", .verb = resize_longer, .pages = "50"},
	{.name = "resize, shorter", .verb = resize_shorter, .pages = "50"},
	{.name = "resize, lower", .verb = resize_down, .pages = "48 50"},
	{.name = "resize, higher", .verb = resize_up, .pages = "50 53"},
	{.name = "resize that grows", .verb = resize_grows, .pages = "50", .space = true},
	{.name = "split", .verb = split, .pages = "50 53"},
	{.name = "join", .verb = join, .pages = "0 10"},
	{.name = "grow", .verb = grow, .space = true},
	{.name = "grow apart", .verb = grow_apart, .space = true},
	{.name = "shrink", .verb = shrink, .space = true},
	{.name = "reserve", .verb = reserve_do, .space = true},
	{.name = "reserve, undone", .verb = reserve_undo, .space = true, .before = reserve_do},
	{.name = "drain", .verb = drain_do, .space = true},
	{.name = "drain, undone", .verb = drain_undo, .space = true, .before = drain_do},
	{.name = "shrink of what is drained", .verb = shrink, .space = true, .before = drain_do},
	{.name = "pending, given back", .verb = pending_back},
	{.name = "pending, finished", .verb = pending_done, .pages = "40 44"},
	{.name = "pending beside an extent", .verb = pending_beside, .pages = "46 50"},
	{.name = "session opened", .verb = session_new_one, .sessions = "5"},
	{.name = "session resumed", .verb = session_resumed, .sessions = "4"},
	{.name = "session left", .verb = session_leaves, .sessions = "4"},
	{.name = "session left and resumed", .verb = session_back, .sessions = "4"},
	{.name = "session opened and gone", .verb = session_comes_and_goes, .sessions = "5"},
	{.name = "session ended", .verb = session_ends, .sessions = "1"},
	{.name = "session expired", .verb = session_expires, .sessions = "4"},
	{.name = "death, free", .verb = session_gone, .pages = "0 10 30 50", .sessions = "1"},
	{.name = "death, free in slices",
	 .verb = session_gone_in_slices,
	 .pages = "0 10 30 50",
	 .sessions = "1"},
	{.name = "death, keep",
	 .verb = session_gone,
	 .pages = "0 10 30 50",
	 .sessions = "1",
	 .death = REGION_DEATH_KEEP},
	{.name = "death, keep in slices",
	 .verb = session_gone_in_slices,
	 .pages = "0 10 30 50",
	 .sessions = "1",
	 .death = REGION_DEATH_KEEP},
	{.name = "death, keep, of one whose user has nothing",
	 .verb = session_gone,
	 .pages = "0 10 30 50",
	 .sessions = "1",
	 .death = REGION_DEATH_KEEP,
	 .before = user_frees},
	{.name = "death, quarantine begins",
	 .verb = session_gone,
	 .pages = "30",
	 .sessions = "1",
	 .death = REGION_DEATH_QUARANTINE},
	{.name = "death, quarantine ends",
	 .verb = quarantine_ends,
	 .pages = "0 10 30 50",
	 .sessions = "1",
	 .death = REGION_DEATH_QUARANTINE},
	{.name = "death, quarantine given back",
	 .verb = quarantine_given_back,
	 .pages = "0 10 30 50",
	 .sessions = "1 5",
	 .death = REGION_DEATH_QUARANTINE},
	{.name = "void", .verb = memory_void, .space = true, .always = true},
};

const int nverbs = ARRAY_SIZE(verbs);
