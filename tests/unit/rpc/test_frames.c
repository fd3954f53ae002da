/*
 * test_frames - frames cut anywhere, garbage, hungry ones, and what serving costs
 *
 * Role:       unit tests of what rpc/ does before and after a handler.
 * Uses:       rpc/, region/, proto/, check
 */
#include "fixture.h"
#include "rpc/call.h"
#include "tests/unit/random.h"

START_TEST(unknown_verbs)
{
	/* id = 9 and field 63, a message; then nothing but the id. */
	static const uint8_t later[] = {0x08, 9, 0xfa, 0x03, 1, 0}, bare[] = {0x08, 9};

	hello();
	put_raw(later, sizeof(later));
	ck_assert_int_eq(serve(), 0);
	unpack(0);
	ck_assert_uint_eq(f.reply->id, 9);
	assert_refused(f.reply, PALLOCD_UNKNOWN_VERB, "");
	put_raw(bare, sizeof(bare));
	ck_assert_int_eq(serve(), 0);
	unpack(0);
	assert_refused(f.reply, PALLOCD_UNKNOWN_VERB, "");
	ck_assert_uint_eq(f.rpc.counters.refusals, 2);
}
END_TEST

/* One connection's expensive requests are served in turns. */
START_TEST(expensive_requests_pause)
{
	struct region_config config = {.name = "huge",
				       .page_size_bytes = 1,
				       .limit_bytes = UINT64_C(1) << 36,
				       .initial_bytes = UINT64_C(1) << 27};
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;
	size_t used, need, at = 0;
	int npauses = 0, err;

	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
	hello();
	m.region_id = 2;
	m.ncells = 1;
	for (int i = 0; i < 20; i++)
		put(&REQUEST(1, MAP, map, &m));
	f.out.n = 0;
	do {
		err = rpc_serve(f.conn, f.in + at, f.n - at, &f.out, &used, &need);
		ck_assert_uint_gt(used, 0);
		at += used;
		npauses += err == RPC_E_PAUSE;
	} while (err == RPC_E_PAUSE);
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(at, f.n);
	ck_assert_int_ge(npauses, 5);
	f.n = 0;
}
END_TEST

START_TEST(bad_frames_close)
{
	static const struct {
		uint32_t length;
		uint8_t bytes[4];
		enum pallocd_status status;
	} cases[] = {
		{0, {0}, PALLOCD_FRAME_TOO_LONG},
		{PALLOCD_FRAME_BYTES_MAX + 1, {0}, PALLOCD_FRAME_TOO_LONG},
		{UINT32_MAX, {0}, PALLOCD_FRAME_TOO_LONG},
		{2, {0x08, 0x80}, PALLOCD_MALFORMED},       /* a number without end */
		{1, {0x07}, PALLOCD_MALFORMED},             /* wire type 7 */
		{3, {0x12, 0x05, 0x08}, PALLOCD_MALFORMED}, /* a message beyond the frame */
		{4, {0xff, 0xff, 0xff, 0xff}, PALLOCD_MALFORMED},
	};

	hello();
	memcpy(f.in, &cases[_i].length, 4);
	memcpy(f.in + 4, cases[_i].bytes, 4);
	f.n = cases[_i].status == PALLOCD_MALFORMED ? 4 + cases[_i].length : 8;
	/* A good request behind it is not served any more. */
	put(&REQUEST(2, STAT, stat, &(Pallocd__V1__Stat)PALLOCD__V1__STAT__INIT));
	ck_assert_int_eq(serve(), RPC_E_CLOSE);
	ck_assert_uint_eq(unpack(0), f.out.n);
	ck_assert_uint_eq(f.reply->id, 0);
	ck_assert_uint_eq((unsigned)f.reply->status, cases[_i].status);
	ck_assert_uint_eq(f.rpc.counters.bad_frames, 1);
}
END_TEST

/* A stream of requests, cut at every point: what was served before and after the cut is what is served uncut. */
START_TEST(frames_may_be_cut_anywhere)
{
	static uint8_t whole[4096];
	Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__RegionInfo i = PALLOCD__V1__REGION_INFO__INIT;
	size_t used, need, total, first;

	hello();
	a.region = i.region = (char *)"r";
	a.n_npages = 3;
	a.npages = (uint64_t[]){1, 2, UINT64_MAX};
	put(&REQUEST(1, ALLOC, alloc, &a));
	put(&REQUEST(2, REGION_INFO, region_info, &i));
	put(&REQUEST(3, ALLOC, alloc, &a));
	total = f.n;
	f.out.n = 0;
	ck_assert_int_eq(rpc_serve(f.conn, f.in, total, &f.out, &used, &need), 0);
	ck_assert_uint_eq(used, total);
	ck_assert_uint_eq(need, 0);
	first = f.out.n;
	memcpy(whole, f.out.data, first);
	for (size_t cut = 0; cut <= total; cut++) {
		f.out.n = 0;
		ck_assert_int_eq(rpc_serve(f.conn, f.in, cut, &f.out, &used, &need), 0);
		ck_assert(used <= cut && (need == 0) == (used == cut));
		ck_assert(need == 0 || need > cut - used);
		ck_assert_int_eq(rpc_serve(f.conn, f.in + used, total - used, &f.out, &used, &need),
				 0);
		ck_assert_uint_eq(f.out.n, first);
		ck_assert_int_eq(memcmp(f.out.data, whole, first), 0);
	}
	f.n = 0;
}
END_TEST

START_TEST(no_room_for_replies)
{
	struct rpc_out small = {.data = f.out.data, .size = RPC_OUT_ROOM_MIN + 100};
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	size_t used, need, at = 0, nreplies = 0;
	int err;

	hello();
	for (uint64_t i = 1; i <= 50; i++)
		put(&REQUEST(i, STAT, stat, &m));
	do {
		small.n = 0;
		err = rpc_serve(f.conn, f.in + at, f.n - at, &small, &used, &need);
		at += used;
		for (size_t k = 0; k < small.n; nreplies++) {
			f.out.n = small.n;
			k = unpack(k);
			ck_assert_uint_eq(f.reply->id, nreplies + 1);
		}
	} while (err == RPC_E_OUT_FULL);
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(nreplies, 50);
	f.n = 0;
}
END_TEST

START_TEST(garbage_changes_nothing)
{
	struct random rnd;

	random_init(&rnd, "garbage_changes_nothing");
	hello();
	alloc_n((uint64_t[]){10}, 1, 0);
	put(&REQUEST(1, STAT, stat, &(Pallocd__V1__Stat)PALLOCD__V1__STAT__INIT));
	f.n = 0;
	for (int i = 0; i < 200000; i++) {
		uint8_t bytes[64];
		size_t n = 1 + random_below(&rnd, sizeof(bytes));
		int err;

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)random_below(&rnd, random_below(&rnd, 2) ? 256 : 128);
		/* Often a verb's tag, so that it gets further than the first byte; never Alloc, Free or Grow. */
		if (random_below(&rnd, 2))
			bytes[0] = (uint8_t[]){0x12, 0x1a, 0x22, 0x42, 0x4a}[random_below(&rnd, 5)];
		put_raw(bytes, n);
		err = serve();
		ck_assert_uint_eq(unpack(0), f.out.n);
		ck_assert((err == RPC_E_CLOSE) ==
			  (f.reply->status == PALLOCD__V1__STATUS__MALFORMED));
	}
	ck_assert_uint_ge(f.regions.table[0]->used_npages, 10);
}
END_TEST

/* The frames that make protobuf-c take the most: the arena must hold them, and no heap is touched. */
START_TEST(hungry_frames_fit_the_arena)
{
	static const uint8_t patterns[][4] = {
		{0x2a, 0x00, 0x2a, 0x00}, /* an empty Alloc, again and again */
		{0x42, 0x00, 0x4a, 0x00}, /* Stat and Map in turns */
		{0xc0, 0x3e, 0x80, 0x00}, /* a field that nobody knows */
		{0x08, 0x01, 0x08, 0x01}, /* the id again and again */
		{0xc2, 0x3e, 0x80, 0x00}, /* an unknown message */
		{0x62, 0x00, 0x7a, 0x00}, /* Resize and Shrink in turns */
	};
	static uint8_t frame[PALLOCD_FRAME_BYTES_MAX];

	hello();
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = patterns[_i][i % 4];
	put_raw(frame, sizeof(frame));
	ck_assert_int_eq(serve(), 0);
	unpack(0);
	/* The same inside of an Alloc: npages as single fields, which are legal too, and unknown ones. */
	frame[0] = 0x2a;
	frame[1] = 0xfc;
	frame[2] = 0xff;
	frame[3] = 0x03;
	for (size_t i = 4; i < sizeof(frame); i++)
		frame[i] = i % 2 ? 0x01 : _i % 2 ? 0x18 : 0x78;
	put_raw(frame, sizeof(frame));
	ck_assert_int_eq(serve(), 0);
	unpack(0);
	ck_assert_int_ne((int)f.reply->status, PALLOCD_MALFORMED);
}
END_TEST

START_TEST(hot_requests_take_no_memory)
{
	uint64_t addr = BASE, one = 1;

	hello();
	/* The session's first extent makes its holding. */
	alloc_n(&one, 1, 0);
	free_n(&addr, &one, 1, 1);
	mem_fail_after(0);
	for (int i = 0; i < 1000; i++) {
		ck_assert_uint_eq((unsigned)alloc_n(&one, 1, 0)->status, PALLOCD_OK);
		ck_assert_uint_eq((unsigned)free_n(&addr, &one, 1, 1)->status, PALLOCD_OK);
	}
	ck_assert_uint_eq(mem_failed(), 0);
	mem_fail_after(-1);
}
END_TEST

START_TEST(without_memory_requests_are_refused)
{
	uint64_t one = 1;

	mem_fail_after(0);
	ck_assert_uint_eq((unsigned)hello()->status, PALLOCD_NO_MEMORY);
	mem_fail_after(-1);
	ck_assert_uint_eq((unsigned)hello()->status, PALLOCD_OK);
	for (int lifetime = 0; lifetime < 2; lifetime++) {
		mem_fail_after(0);
		ck_assert_uint_eq((unsigned)alloc_n(&one, 1, lifetime)->status, PALLOCD_NO_MEMORY);
		mem_fail_after(-1);
		ck_assert_uint_eq((unsigned)alloc_n(&one, 1, lifetime)->status, PALLOCD_OK);
	}
}
END_TEST

/* The replies that are packed by hand are those that protobuf-c would make. */
START_TEST(hand_packed_replies_are_canonical)
{
	static const uint64_t sizes[] = {1, 127, 128, 300, 1};
	static uint8_t packed[PALLOCD_FRAME_BYTES_MAX];
	uint64_t addr[5], npages[5];
	size_t n;

	hello();
	for (size_t k = 1; k <= 5; k++) {
		memcpy(npages, sizes, sizeof(sizes));
		alloc_n(npages, k, 0);
		ck_assert_uint_eq((unsigned)f.reply->status, PALLOCD_OK);
		n = pallocd__v1__reply__pack(f.reply, packed);
		ck_assert_uint_eq(n + 4, f.out.n);
		ck_assert_int_eq(memcmp(packed, f.out.data + 4, n), 0);
		memcpy(addr, f.reply->alloc->addr, k * sizeof(addr[0]));
		free_n(addr, npages, k, k);
		n = pallocd__v1__reply__pack(f.reply, packed);
		ck_assert_uint_eq(n + 4, f.out.n);
		ck_assert_int_eq(memcmp(packed, f.out.data + 4, n), 0);
	}
}
END_TEST

/* A frame that is most often an id and a verb, and sometimes not quite: their tags, numbers in too many bytes, more behind. */
static size_t random_request(struct random *rnd, uint8_t *p)
{
	size_t n = 0, inner = random_below(rnd, 12);
	uint64_t verb = random_below(rnd, 21), tag = verb << 3 | 2;

	if (random_below(rnd, 4)) {
		p[n++] = 0x08;
		for (uint64_t i = random_below(rnd, 11); i; i--)
			p[n++] = (uint8_t)(0x80 | random_below(rnd, 128));
		p[n++] = (uint8_t)random_below(rnd, 128);
	}
	if (tag >= 0x80)
		p[n++] = (uint8_t)(tag | 0x80);
	p[n++] = (uint8_t)(tag >= 0x80 ? tag >> 7 : tag);
	p[n++] = (uint8_t)inner;
	/* Small fields of small numbers. */
	for (size_t i = 0; i < inner; i++)
		p[n++] = (uint8_t)(i % 2 ? random_below(rnd, 9) : random_below(rnd, 8) << 3);
	if (random_below(rnd, 3) == 0) {
		/* What was answered. */
		p[n++] = 0xf8;
		p[n++] = 0x01;
		for (uint64_t i = random_below(rnd, 11); i; i--)
			p[n++] = (uint8_t)(0x80 | random_below(rnd, 128));
		p[n++] = (uint8_t)random_below(rnd, 128);
	}
	if (random_below(rnd, 8) == 0)
		p[random_below(rnd, n)] = (uint8_t)random_below(rnd, 256);
	if (random_below(rnd, 8) == 0)
		p[n++] = (uint8_t)random_below(rnd, 256);
	return n;
}

/* Requests that are taken apart by hand are those that protobuf-c would make, or none where it makes none. */
START_TEST(hand_unpacked_requests_are_canonical)
{
	static uint8_t ours_packed[1024], theirs_packed[1024];
	size_t ngood = 0, nbad = 0, n, size;
	uint8_t bytes[64];
	struct random rnd;

	random_init(&rnd, "hand_unpacked_requests_are_canonical");
	for (int i = 0; i < 60000; i++) {
		Request *ours, *theirs;

		n = random_request(&rnd, bytes);
		arena_reset(&f.rpc.arena);
		ours = request_unpack(&f.rpc.arena, bytes, n);
		theirs = pallocd__v1__request__unpack(NULL, n, bytes);
		ck_assert_msg(!ours == !theirs, "only one of both takes it");
		if (!ours) {
			nbad++;
			continue;
		}
		ngood++;
		ck_assert_uint_eq(ours->verb_case, theirs->verb_case);
		size = pallocd__v1__request__pack(theirs, theirs_packed);
		ck_assert_uint_eq(pallocd__v1__request__pack(ours, ours_packed), size);
		ck_assert_int_eq(memcmp(ours_packed, theirs_packed, size), 0);
		pallocd__v1__request__free_unpacked(theirs, NULL);
	}
	ck_assert_uint_ge(ngood, 10000);
	ck_assert_uint_ge(nbad, 10000);
}
END_TEST

/* What is behind the frame is not looked at. */
START_TEST(hand_unpacking_stays_in_the_frame)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint8_t packed[64], *exact;
	size_t n;

	m.region_id = 1;
	m.npages = (uint64_t[]){300, 5};
	m.n_npages = 2;
	n = pallocd__v1__request__pack(&REQUEST(1000, ALLOC, alloc, &m), packed);
	for (size_t cut = 0; cut <= n; cut++) {
		/* A sanitizer sees a byte too many. */
		exact = malloc(cut ? cut : 1);
		memcpy(exact, packed, cut);
		arena_reset(&f.rpc.arena);
		ck_assert_msg(!!request_unpack(&f.rpc.arena, exact, cut) ==
				      (cut == n || cut == 0 || cut == 3),
			      "%zu bytes of %zu", cut, n);
		free(exact);
	}
}
END_TEST

START_TEST(overloaded_is_a_whole_frame)
{
	f.out.n = 0;
	rpc_overloaded(&f.rpc, "why", &f.out);
	ck_assert_uint_eq(unpack(0), f.out.n);
	assert_refused(f.reply, PALLOCD_OVERLOADED, "");
	ck_assert_msg(strstr(f.reply->message, "why"), "%s", f.reply->message);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, unknown_verbs);
	tcase_add_test(tc, expensive_requests_pause);
	tcase_add_loop_test(tc, bad_frames_close, 0, 7);
	tcase_add_test(tc, frames_may_be_cut_anywhere);
	tcase_add_test(tc, no_room_for_replies);
	tcase_add_test(tc, garbage_changes_nothing);
	tcase_add_loop_test(tc, hungry_frames_fit_the_arena, 0, 6);
	tcase_add_test(tc, hot_requests_take_no_memory);
	tcase_add_test(tc, without_memory_requests_are_refused);
	tcase_add_test(tc, hand_packed_replies_are_canonical);
	tcase_add_test(tc, hand_unpacked_requests_are_canonical);
	tcase_add_test(tc, hand_unpacking_stays_in_the_frame);
	tcase_add_test(tc, overloaded_is_a_whole_frame);
}

int main(void)
{
	return run("frames", add_tests);
}
