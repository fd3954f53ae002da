/*
 * record_steps - the steps, and how often each is done
 *
 * Role:       see record_steps.h. The weights are such that each succeeds now and then.
 * Uses:       region/, check
 */
#include "record_steps.h"
#include "base/mem.h"
#include "region/pending.h"

uint64_t below(struct play *p, uint64_t n)
{
	return random_below(&p->rnd, n);
}

static uid_t uid_of(unsigned slot)
{
	return slot == 0 ? 0 : 1000 + slot % 3;
}

static struct session *any_session(struct play *p)
{
	return p->session[below(p, NSLOTS)];
}

static struct owner *any_owner(struct play *p)
{
	struct session *s = any_session(p);

	return below(p, 5) ? &s->owner : &s->owner.user->owner;
}

/* A page of the step's region, mostly one where an extent begins; and its length. */
static uint64_t any_addr(struct play *p, uint64_t *ret_npages)
{
	uint64_t page = below(p, NPAGES), at;
	struct region_view view;

	*ret_npages = 1 + below(p, 20);
	if (below(p, 20) && region_extent_next(p->w.r, page, &at))
		page = at;
	if (region_view(p->w.r, BASE + page * PAGE, &view) == 0)
		*ret_npages = view.npages;
	return BASE + page * PAGE;
}

static const char *any_name(struct play *p)
{
	static const char *const names[] = {"", "", "a", "b", "c", "d", "e", "f", "g", "h"};

	return names[below(p, ARRAY_SIZE(names))];
}

static const char *any_label(struct play *p)
{
	static const char *const labels[] = {"", "red", "blue"};

	return labels[below(p, ARRAY_SIZE(labels))];
}

struct region_placement any_placement(struct play *p)
{
	struct region_placement q = {.align_npages = UINT64_C(1) << below(p, 4),
				     .strategy = (enum pagealloc_strategy)below(p, 3)};

	if (below(p, 6) == 0) {
		q.rule = REGION_FIXED;
		q.align_npages = 0;
		q.addr = BASE + below(p, NPAGES) * PAGE;
	}
	return q;
}

static int step_alloc(struct play *p, struct region_refusal *rr)
{
	uint64_t npages[3], addr[3], scavenged;
	struct region_placement q = any_placement(p);
	uint32_t n = 1 + (uint32_t)below(p, 3);

	for (uint32_t i = 0; i < n; i++)
		npages[i] = 1 + below(p, below(p, 10) ? 20 : 300);
	return region_alloc(p->w.r, any_owner(p), npages, n, below(p, 2) ? &q : NULL, addr,
			    &scavenged, rr);
}

static int step_scatter(struct play *p, struct region_refusal *rr)
{
	uint64_t addr[4], npages[4], scavenged;
	uint32_t n;

	return region_alloc_scattered(p->w.r, any_owner(p), 1 + below(p, 80), 4, NULL, addr, npages,
				      &n, &scavenged, rr);
}

static int step_named(struct play *p, struct region_refusal *rr)
{
	uint64_t addr, scavenged;

	return region_alloc_named(p->w.r, any_owner(p), 1 + below(p, 20), any_name(p), any_label(p),
				  NULL, &addr, &scavenged, rr);
}

static int step_pending(struct play *p, struct region_refusal *rr)
{
	uint64_t npages[2] = {1 + below(p, 20), 1 + below(p, 20)};
	struct owner *o = any_owner(p);
	struct region_pending *q = NULL;
	int err = region_take(p->w.r, o, npages, 1 + (uint32_t)below(p, 2), 0, NULL, &q, rr);

	if (err)
		return err;
	err = below(p, 4) ? pending_finish(q, o, any_name(p), any_label(p), rr) : -1;
	if (err)
		pending_give_back(q);
	return err < 0 ? 0 : err;
}

static int step_beside(struct play *p, struct region_refusal *rr)
{
	enum region_edge edge = below(p, 2) ? REGION_UPPER : REGION_LOWER;
	struct session *s = any_session(p);
	struct region_pending *q = NULL;
	uint64_t npages, addr = any_addr(p, &npages), to;
	int err;

	npages += 1 + below(p, 5);
	err = region_take_beside(p->w.r, s, addr, npages, edge, &q, rr);
	if (!err)
		err = pending_finish_beside(q, s, addr, npages, edge, &to, rr);
	return err;
}

static int step_free(struct play *p, struct region_refusal *rr)
{
	uint64_t npages, addr = any_addr(p, &npages), given, shared, off;

	if (below(p, 3) == 0) {
		off = below(p, npages);
		addr += off * PAGE;
		npages = 1 + below(p, npages - off);
	} else if (below(p, 5) == 0) {
		npages += 1 + below(p, 20);
	}
	return region_free(p->w.r, any_session(p), &addr, &npages, 1, &given, &shared, rr);
}

static int step_resize(struct play *p, struct region_refusal *rr)
{
	uint64_t npages, addr = any_addr(p, &npages), to, scavenged;

	return region_resize(p->w.r, any_session(p), addr, 1 + below(p, npages + 10),
			     below(p, 2) ? REGION_UPPER : REGION_LOWER, &to, &scavenged, rr);
}

static int step_split(struct play *p, struct region_refusal *rr)
{
	uint64_t npages, addr = any_addr(p, &npages), lower, n, upper;

	return region_split(p->w.r, any_session(p), addr + below(p, npages) * PAGE, &lower, &n,
			    &upper, rr);
}

static int step_join(struct play *p, struct region_refusal *rr)
{
	uint64_t npages, addr = any_addr(p, &npages);
	struct region_view next;
	uint32_t n;

	if (region_view(p->w.r, addr + npages * PAGE, &next) == 0)
		npages += next.npages;
	return region_join(p->w.r, any_session(p), addr, npages, &n, rr);
}

static int step_annotate(struct play *p, struct region_refusal *rr)
{
	uint64_t npages, addr = any_addr(p, &npages);

	return region_annotate(p->w.r, any_session(p), addr, below(p, 2) ? any_name(p) : NULL,
			       below(p, 2) ? any_label(p) : NULL, rr);
}

static int step_share(struct play *p, struct region_refusal *rr)
{
	uint64_t npages, addr = any_addr(p, &npages);
	struct region_view view;

	return region_share(p->w.r, any_session(p), addr, &view, rr);
}

static int step_release(struct play *p, struct region_refusal *rr)
{
	uint64_t npages, addr = any_addr(p, &npages);
	uint32_t n;

	return region_release(p->w.r, any_session(p), addr, &npages, &n, rr);
}

static int step_handover(struct play *p, struct region_refusal *rr)
{
	uint64_t npages, addr = any_addr(p, &npages);

	return region_handover(p->w.r, any_session(p), addr, any_owner(p), &npages, rr);
}

static int step_grow(struct play *p, struct region_refusal *rr)
{
	uint64_t addr, npages;

	return region_grow(p->w.r, below(p, 2) ? BASE + below(p, 3) * 512 * PAGE : 0, 1, &addr,
			   &npages, rr);
}

static int step_shrink(struct play *p, struct region_refusal *rr)
{
	struct region_in_use in_use;
	uint64_t addr, npages;

	return region_shrink(p->w.r, below(p, 2) ? BASE + below(p, 3) * 512 * PAGE : 0, 512, &addr,
			     &npages, &in_use, rr);
}

typedef int hold_fn(struct region *r, uint64_t addr, uint64_t npages, bool undo,
		    struct region_in_use *ret_in_use, struct region_refusal *ret_refusal);

static int hold(struct play *p, hold_fn *fn, struct region_refusal *rr)
{
	struct region_in_use in_use;

	return fn(p->w.r, BASE + below(p, NPAGES) * PAGE, 1 + below(p, 12), false, &in_use, rr);
}

/* One range, or a part of it. */
static int unhold(struct play *p, const struct ranges *set, hold_fn *fn, struct region_refusal *rr)
{
	const struct range *range = set->n ? &set->v[below(p, set->n)] : NULL;
	struct region_in_use in_use;
	uint64_t first;

	if (!range)
		return REGION_E_NOT_HELD;
	first = range->first + below(p, range->limit - range->first);
	/* What the configuration reserves would be reserved again. */
	if (set == &p->w.r->reserved && range->first < HOLE + HOLE_NPAGES && range->limit > HOLE)
		return REGION_E_NOT_HELD;
	return fn(p->w.r, BASE + first * PAGE, 1 + below(p, range->limit - first), true, &in_use,
		  rr);
}

static int step_reserve(struct play *p, struct region_refusal *rr)
{
	return hold(p, region_reserve, rr);
}

static int step_unreserve(struct play *p, struct region_refusal *rr)
{
	return unhold(p, &p->w.r->reserved, region_reserve, rr);
}

static int step_drain(struct play *p, struct region_refusal *rr)
{
	return hold(p, region_drain, rr);
}

static int step_undrain(struct play *p, struct region_refusal *rr)
{
	return unhold(p, &p->w.r->drained, region_drain, rr);
}

void slot_fill(struct play *p, unsigned slot)
{
	p->session[slot] = world_session_grace(&p->w, uid_of(slot), below(p, 2) ? 40 : 0, p->now);
}

static int step_leave(struct play *p, struct region_refusal *rr)
{
	unsigned slot = (unsigned)below(p, NSLOTS);

	(void)rr;
	p->left = p->session[slot]->id;
	session_leave(p->session[slot], SESSION_DIED, p->now);
	slot_fill(p, slot);
	return 0;
}

static int step_end(struct play *p, struct region_refusal *rr)
{
	unsigned slot = (unsigned)below(p, NSLOTS);

	(void)rr;
	session_end(p->session[slot], SESSION_KILLED, p->now);
	slot_fill(p, slot);
	return 0;
}

int resume(struct play *p, const struct session *left)
{
	struct session_peer peer = {.uid = left->owner.uid, .gid = 3, .pid = (pid_t)p->now + 1};
	struct session *s;
	int err = session_resume(&p->w.regions, &peer, left->token, p->now, &s);

	for (unsigned slot = 0; !err && slot < NSLOTS; slot++) {
		if (uid_of(slot) != peer.uid)
			continue;
		session_end(p->session[slot], SESSION_ASKED, p->now);
		p->session[slot] = s;
		break;
	}
	return err;
}

static int step_resume(struct play *p, struct region_refusal *rr)
{
	const struct session *s = session_by_id(&p->w.regions, p->left);

	(void)rr;
	return s && s->state == SESSION_GRACE ? resume(p, s) : REGIONS_E_NO_SESSION;
}

/* What the layer above does when it has answered. */
static int step_remember(struct play *p, struct region_refusal *rr)
{
	struct session *s = any_session(p);
	uint32_t n = (uint32_t)below(p, TRUTH_REPLIES);

	(void)rr;
	mem_free(s->memory[REGION_DURABILITY_PROCESS].replies);
	s->memory[REGION_DURABILITY_PROCESS].replies = mem_alloc(TRUTH_REPLIES);
	ck_assert_ptr_nonnull(s->memory[REGION_DURABILITY_PROCESS].replies);
	memset(s->memory[REGION_DURABILITY_PROCESS].replies, (int)below(p, 256), TRUTH_REPLIES);
	s->memory[REGION_DURABILITY_PROCESS].size = TRUTH_REPLIES;
	s->memory[REGION_DURABILITY_PROCESS].n = n;
	s->memory[REGION_DURABILITY_PROCESS].done += 1 + below(p, 3);
	s->accepts_handover = below(p, 2);
	s->repeats = true;
	session_changed(s);
	return 0;
}

static int step_time(struct play *p, struct region_refusal *rr)
{
	(void)rr;
	p->now += below(p, 30);
	regions_expire(&p->w.regions, p->now);
	regions_reclaim(&p->w.regions, 1 + (uint32_t)below(p, 6), p->now);
	return 0;
}

/* The upper half becomes free, but for what several hold: only so can a region shrink. */
static int step_clear(struct play *p, struct region_refusal *rr)
{
	uint64_t page = 512, given, shared;
	struct region_view view;

	while (region_extent_next(p->w.r, page, &page)) {
		ck_assert_int_eq(region_view(p->w.r, BASE + page++ * PAGE, &view), 0);
		if (region_free(p->w.r, p->session[0], &view.addr, &view.npages, 1, &given, &shared,
				rr) == REGION_E_SHARED)
			continue;
	}
	return 0;
}

static const struct {
	int (*step)(struct play *p, struct region_refusal *rr);
	unsigned weight;
} steps[NSTEPS] = {
	[ALLOC] = {step_alloc, 22},
	[SCATTER] = {step_scatter, 3},
	[NAMED] = {step_named, 8},
	[PENDING] = {step_pending, 6},
	[BESIDE] = {step_beside, 24},
	[FREE] = {step_free, 60},
	[RESIZE] = {step_resize, 25},
	[SPLIT] = {step_split, 14},
	[JOIN] = {step_join, 30},
	[ANNOTATE] = {step_annotate, 14},
	[SHARE] = {step_share, 10},
	[RELEASE] = {step_release, 16},
	[HANDOVER] = {step_handover, 16},
	[GROW] = {step_grow, 12},
	[SHRINK] = {step_shrink, 12},
	[RESERVE] = {step_reserve, 8},
	[UNRESERVE] = {step_unreserve, 3},
	[DRAIN] = {step_drain, 2},
	[UNDRAIN] = {step_undrain, 2},
	[LEAVE] = {step_leave, 2},
	[END] = {step_end, 2},
	[RESUME] = {step_resume, 10},
	[REMEMBER] = {step_remember, 6},
	[TIME] = {step_time, 12},
	[CLEAR] = {step_clear, 5},
};

void step(struct play *p)
{
	struct region_refusal rr = {0};
	unsigned all = 0, at = 0;
	uint64_t dice;
	int err;

	for (unsigned i = 0; i < NSTEPS; i++)
		all += steps[i].weight;
	for (dice = below(p, all); dice >= steps[at].weight; at++)
		dice -= steps[at].weight;
	p->w.r = p->w.regions.table[below(p, 2)];
	err = steps[at].step(p, &rr);
	ck_assert_msg(err >= 0, "step %u: %d", at, err);
	p->ndone[at] += !err;
}
