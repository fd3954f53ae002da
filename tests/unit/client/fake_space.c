/*
 * fake_space - what the fake daemon says to verbs that change extents and regions
 *
 * Role:       replies made up from the request, so that a test can tell that both have arrived as they were.
 * Uses:       fake.h
 */
#include "tests/unit/client/fake.h"

#define NEXTENTS 70

/* More of them than any struct of the library lists. */
static uint64_t extent_addr[NEXTENTS], extent_npages[NEXTENTS];

static void extents_fill(void)
{
	for (uint64_t i = 0; i < NEXTENTS; i++) {
		extent_addr[i] = 0x10000 * (i + 1);
		extent_npages[i] = i + 1;
	}
}

static size_t in_use(Pallocd__V1__Reply *reply, size_t n, uint8_t *to)
{
	Pallocd__V1__Refusal refusal = PALLOCD__V1__REFUSAL__INIT;

	extents_fill();
	refusal.extent_addr = extent_addr;
	refusal.extent_npages = extent_npages;
	refusal.n_extent_addr = refusal.n_extent_npages = n;
	refusal.nextents = n + 1;
	reply->status = PALLOCD__V1__STATUS__IN_USE;
	reply->refusal = &refusal;
	return fake_frame(reply, to);
}

static size_t answer_resize(Pallocd__V1__Reply *reply, const Pallocd__V1__Resize *q, uint8_t *to)
{
	Pallocd__V1__ResizeReply r = PALLOCD__V1__RESIZE_REPLY__INIT;

	r.addr = q->edge == PALLOCD__V1__EDGE__LOWER ? q->addr - 0x1000 : q->addr;
	r.npages = q->npages;
	r.scavenged_npages = 8;
	r.cleared_npages = 9;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_RESIZE;
	reply->resize = &r;
	return fake_frame(reply, to);
}

static size_t answer_split(Pallocd__V1__Reply *reply, const Pallocd__V1__Split *q, uint8_t *to)
{
	Pallocd__V1__SplitReply r = PALLOCD__V1__SPLIT_REPLY__INIT;

	r.addr = q->addr - 0x2000;
	r.npages = 2;
	r.upper_npages = 3;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_SPLIT;
	reply->split = &r;
	return fake_frame(reply, to);
}

static size_t answer_join(Pallocd__V1__Reply *reply, const Pallocd__V1__Join *q, uint8_t *to)
{
	Pallocd__V1__JoinReply r = PALLOCD__V1__JOIN_REPLY__INIT;

	r.nextents = q->npages;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_JOIN;
	reply->join = &r;
	return fake_frame(reply, to);
}

/* Less than a chunk: something is in the way. */
static size_t answer_shrink(Pallocd__V1__Reply *reply, const Pallocd__V1__Shrink *q, uint8_t *to)
{
	Pallocd__V1__ShrinkReply r = PALLOCD__V1__SHRINK_REPLY__INIT;

	if (q->npages < 512)
		return in_use(reply, q->npages, to);
	r.addr = q->addr ? q->addr : 0x900000;
	r.npages = q->npages / 512 * 512;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_SHRINK;
	reply->shrink = &r;
	return fake_frame(reply, to);
}

/* As many extents as there are pages. */
static size_t answer_drain(Pallocd__V1__Reply *reply, const Pallocd__V1__Drain *q, uint8_t *to)
{
	Pallocd__V1__DrainReply r = PALLOCD__V1__DRAIN_REPLY__INIT;

	extents_fill();
	if (!q->undo) {
		r.nextents = q->npages;
		r.npages = 2 * q->npages;
		r.extent_addr = extent_addr;
		r.extent_npages = extent_npages;
		r.n_extent_addr = q->npages < NEXTENTS ? q->npages : NEXTENTS;
		r.n_extent_npages = r.n_extent_addr;
	}
	reply->result_case = PALLOCD__V1__REPLY__RESULT_DRAIN;
	reply->drain = &r;
	return fake_frame(reply, to);
}

static size_t answer_reserve(Pallocd__V1__Reply *reply, const Pallocd__V1__Reserve *q, uint8_t *to)
{
	Pallocd__V1__ReserveReply r = PALLOCD__V1__RESERVE_REPLY__INIT;

	if (!q->undo && q->npages == 2)
		return in_use(reply, 2, to);
	r.nranges = 1;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_RESERVE;
	reply->reserve = &r;
	return fake_frame(reply, to);
}

static size_t answer_free_runs(Pallocd__V1__Reply *reply, uint8_t *to)
{
	Pallocd__V1__FreeRunsReply r = PALLOCD__V1__FREE_RUNS_REPLY__INIT;
	uint64_t nruns[3] = {3, 0, 2}, npages[3] = {3, 0, 9};

	r.nruns = nruns;
	r.npages = npages;
	r.n_nruns = r.n_npages = 3;
	r.free_npages = 12;
	r.largest_npages = 5;
	r.fragmentation_ppm = 583333;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_FREE_RUNS;
	reply->free_runs = &r;
	return fake_frame(reply, to);
}

size_t fake_answer_space(struct fake *f, Pallocd__V1__Reply *reply, const Pallocd__V1__Request *q,
			 uint8_t *to)
{
	switch (q->verb_case) {
	case PALLOCD__V1__REQUEST__VERB_RESIZE:
		return answer_resize(reply, q->resize, to);
	case PALLOCD__V1__REQUEST__VERB_SPLIT:
		return answer_split(reply, q->split, to);
	case PALLOCD__V1__REQUEST__VERB_JOIN:
		return answer_join(reply, q->join, to);
	case PALLOCD__V1__REQUEST__VERB_SHRINK:
		return answer_shrink(reply, q->shrink, to);
	case PALLOCD__V1__REQUEST__VERB_DRAIN:
		return answer_drain(reply, q->drain, to);
	case PALLOCD__V1__REQUEST__VERB_RESERVE:
		return answer_reserve(reply, q->reserve, to);
	case PALLOCD__V1__REQUEST__VERB_FREE_RUNS:
		return answer_free_runs(reply, to);
	default:
		return fake_answer_owners(f, reply, q, to);
	}
}
