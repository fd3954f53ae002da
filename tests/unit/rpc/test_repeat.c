/*
 * test_repeat - what a client asks for twice is done once
 *
 * Role:       sessions that repeat: what they are answered when a connection is lost before or after the reply has come.
 */
#include "tests/unit/rpc/fixture.h"

#define GRACE_MSEC 60000

static uint8_t token[SESSION_TOKEN_BYTES];
static struct rpc_conn later; /* the connection that resumes the session */

/* Hello on f.conn: a new session, or the one with the token. */
static const Pallocd__V1__HelloReply *greet(bool resumes, bool repeats)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;

	m.version = 1;
	m.client = (char *)"test";
	m.grace_msec = GRACE_MSEC;
	m.repeats = repeats;
	if (resumes)
		m.token = (ProtobufCBinaryData){.len = sizeof(token), .data = token};
	assert_ok(call(&REQUEST(1000, HELLO, hello, &m)));
	memcpy(token, f.reply->hello->token.data, sizeof(token));
	return f.reply->hello;
}

static struct session *session(void)
{
	return f.conn->session;
}

/* The connection is lost, and the session goes on in a new one. */
static void reconnect(void)
{
	struct session_peer peer = {.uid = 1000, .gid = 1000, .pid = 7};

	rpc_conn_close(f.conn, SESSION_CLOSED);
	ck_assert_int_eq(rpc_conn_open(f.conn, &f.rpc, &peer, &f.out), 0);
	ck_assert(greet(true, true)->resumed);
}

/* Serves it; what was answered, as bytes, is in f.out. */
static Reply *ask(Request req, uint64_t id)
{
	req.id = id;
	return call(&req);
}

/* The same request on another connection gets the same bytes, and nothing changes. */
static void assert_repeated(Request req, uint64_t id)
{
	uint64_t repeated = f.rpc.counters.repeated;
	struct state before = state_of(1);
	size_t n = f.out.n;
	uint8_t *bytes = malloc(n);

	memcpy(bytes, f.out.data, n);
	reconnect();
	ask(req, id);
	ck_assert_uint_eq(f.out.n, n);
	ck_assert_mem_eq(f.out.data, bytes, n);
	ck_assert_uint_eq(f.rpc.counters.repeated, repeated + 1);
	assert_unchanged(1, &before);
	free(bytes);
}

static void assert_done_once(Request req, uint64_t id)
{
	assert_ok(ask(req, id));
	ck_assert_uint_eq(session()->memory[REGION_DURABILITY_NONE].done, id);
	assert_repeated(req, id);
}

static Request alloc_request(Pallocd__V1__Alloc *m, uint64_t *npages)
{
	*m = (Pallocd__V1__Alloc)PALLOCD__V1__ALLOC__INIT;
	m->region_id = 1;
	m->npages = npages;
	m->n_npages = 1;
	return REQUEST(0, ALLOC, alloc, m);
}

/* A page is taken; where it is. */
static uint64_t take(uint64_t id, uint64_t answered)
{
	Pallocd__V1__Alloc m;
	uint64_t one = 1;
	Request req = alloc_request(&m, &one);

	req.answered = answered;
	assert_ok(ask(req, id));
	return f.reply->alloc->addr[0];
}

#define RANGE(TYPE, NAME, ADDR, NPAGES)          \
	Pallocd__V1__##TYPE NAME = TYPE##_INIT_; \
	(NAME).region_id = 1;                    \
	(NAME).addr = (ADDR);                    \
	(NAME).npages = (NPAGES)
#define Grow_INIT_ PALLOCD__V1__GROW__INIT
#define Resize_INIT_ PALLOCD__V1__RESIZE__INIT
#define Join_INIT_ PALLOCD__V1__JOIN__INIT
#define Shrink_INIT_ PALLOCD__V1__SHRINK__INIT
#define Drain_INIT_ PALLOCD__V1__DRAIN__INIT
#define Reserve_INIT_ PALLOCD__V1__RESERVE__INIT

START_TEST(each_verb_that_changes_an_extent_is_done_once)
{
	Pallocd__V1__Alloc alloc;
	Pallocd__V1__Split split = PALLOCD__V1__SPLIT__INIT;
	Pallocd__V1__Annotate name = PALLOCD__V1__ANNOTATE__INIT;
	Pallocd__V1__Handover handover = PALLOCD__V1__HANDOVER__INIT;
	Pallocd__V1__Free back = PALLOCD__V1__FREE__INIT;
	uint64_t ten = 10, half = 5, addr;

	greet(false, true);
	assert_done_once(alloc_request(&alloc, &ten), 1);
	addr = f.reply->alloc->addr[0];
	split.region_id = 1;
	split.addr = addr + 5 * 4096;
	assert_done_once(REQUEST(0, SPLIT, split, &split), 2);
	RANGE(Join, join, addr, 10);
	assert_done_once(REQUEST(0, JOIN, join, &join), 3);
	RANGE(Resize, resize, addr, 7);
	assert_done_once(REQUEST(0, RESIZE, resize, &resize), 4);
	name.region_id = 1;
	name.addr = addr;
	name.set_name = name.set_label = true;
	name.name = name.label = (char *)"name";
	assert_done_once(REQUEST(0, ANNOTATE, annotate, &name), 5);
	handover.region_id = 1;
	handover.addr = addr;
	handover.to_user = true;
	handover.uid = 1000;
	assert_done_once(REQUEST(0, HANDOVER, handover, &handover), 6);
	back.region_id = 1;
	back.addr = &addr;
	back.npages = &half;
	back.n_addr = back.n_npages = 1;
	assert_done_once(REQUEST(0, FREE, free, &back), 7);
}
END_TEST

START_TEST(each_verb_that_changes_the_space_is_done_once)
{
	greet(false, true);
	RANGE(Grow, grow, 0, 512);
	assert_done_once(REQUEST(0, GROW, grow, &grow), 1);
	RANGE(Drain, drain, BASE, 512);
	assert_done_once(REQUEST(0, DRAIN, drain, &drain), 2);
	RANGE(Reserve, reserve, BASE + 600 * 4096, 2);
	assert_done_once(REQUEST(0, RESERVE, reserve, &reserve), 3);
	RANGE(Shrink, shrink, BASE, 512);
	assert_done_once(REQUEST(0, SHRINK, shrink, &shrink), 4);
}
END_TEST

START_TEST(sharing_and_releasing_and_ending_are_done_once)
{
	Pallocd__V1__Share share = PALLOCD__V1__SHARE__INIT;
	Pallocd__V1__Release release = PALLOCD__V1__RELEASE__INIT;
	Pallocd__V1__EndSession end = PALLOCD__V1__END_SESSION__INIT;
	struct rpc_conn other;
	uint64_t addr, one = 1, id;

	greet(false, true);
	other_open(&other, 1000);
	id = other.session->id;
	conn_swap(&other);
	assert_ok(alloc_n(&one, 1, 0));
	addr = f.reply->alloc->addr[0];
	conn_swap(&other);
	share.region_id = release.region_id = 1;
	share.addr = release.addr = addr;
	assert_done_once(REQUEST(0, SHARE, share, &share), 1);
	ck_assert_uint_eq(regions_by_id(&f.regions, 1)->nshares, 1);
	assert_done_once(REQUEST(0, RELEASE, release, &release), 2);
	ck_assert_uint_eq(regions_by_id(&f.regions, 1)->nshares, 0);
	end.session = id;
	assert_done_once(REQUEST(0, END_SESSION, end_session, &end), 3);
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

START_TEST(a_long_reply_is_remembered_as_a_short_one_is)
{
	uint64_t npages[PALLOCD_BATCH_EXTENTS_MAX];
	Pallocd__V1__Alloc m;
	Request req = alloc_request(&m, npages);

	for (unsigned i = 0; i < 1000; i++)
		npages[i] = 1;
	m.n_npages = 1000;
	greet(false, true);
	assert_done_once(req, UINT64_MAX - 1);
	reconnect();
	/* And one that says how long each extent is. */
	m.n_npages = 1;
	npages[0] = 20;
	m.scatter_extents = 20;
	assert_done_once(req, UINT64_MAX);
}
END_TEST

START_TEST(what_changes_nothing_is_served_anew)
{
	Pallocd__V1__RegionInfo m = PALLOCD__V1__REGION_INFO__INIT;
	uint64_t free_npages;

	m.region_id = 1;
	greet(false, true);
	assert_ok(ask(REQUEST(0, REGION_INFO, region_info, &m), 1));
	free_npages = f.reply->region_info->region->free_npages;
	(void)take(2, 0);
	reconnect();
	assert_ok(ask(REQUEST(0, REGION_INFO, region_info, &m), 1));
	ck_assert_uint_eq(f.reply->region_info->region->free_npages, free_npages - 1);
	ck_assert_uint_eq(f.rpc.counters.repeated, 0);
}
END_TEST

START_TEST(what_never_came_is_done_when_it_comes)
{
	uint64_t first, second;

	greet(false, true);
	first = take(1, 0);
	reconnect();
	ck_assert_uint_eq(take(1, 0), first);
	second = take(2, 0);
	ck_assert_uint_ne(second, first);
	ck_assert_uint_eq(state_of(1).nextents, 2);
}
END_TEST

START_TEST(what_was_refused_is_tried_anew_though_a_later_one_was_done)
{
	Pallocd__V1__Alloc m;
	uint64_t all = 2000;
	Request req = alloc_request(&m, &all);

	greet(false, true);
	assert_refused(ask(req, 1), PALLOCD_NO_SPACE, "npages");
	(void)take(2, 0);
	reconnect();
	assert_refused(ask(req, 1), PALLOCD_NO_SPACE, "npages");
	reconnect();
	/* Now it fits; and that is remembered as any other. */
	all = 900;
	assert_ok(ask(req, 1));
	assert_repeated(req, 1);
	ck_assert_uint_eq(state_of(1).nextents, 2);
	(void)take(2, 0);
	ck_assert_uint_eq(state_of(1).nextents, 2);
}
END_TEST

START_TEST(what_was_answered_is_forgotten)
{
	Pallocd__V1__Alloc m;
	uint64_t one = 1;
	struct state before;
	const struct session_memory *memory;
	uint32_t n;

	greet(false, true);
	memory = &session()->memory[REGION_DURABILITY_NONE];
	(void)take(1, 0);
	n = memory->n;
	ck_assert_uint_gt(n, 0);
	(void)take(2, 0);
	(void)take(3, 1);
	ck_assert_uint_eq(memory->n, 2 * n);
	(void)take(4, 3);
	ck_assert_uint_eq(memory->n, n);
	ck_assert_uint_eq(memory->done, 4);
	reconnect();
	before = state_of(1);
	for (uint64_t id = 1; id <= 3; id++)
		assert_refused(ask(alloc_request(&m, &one), id), PALLOCD_INVALID, "id");
	assert_says("has come");
	assert_unchanged(1, &before);
	(void)take(4, 0);
	assert_unchanged(1, &before);
}
END_TEST

START_TEST(ids_ascend_on_a_connection)
{
	Pallocd__V1__Stat stat = PALLOCD__V1__STAT__INIT;
	Pallocd__V1__Alloc m;
	uint64_t one = 1;
	Request req = alloc_request(&m, &one);
	struct state before;

	greet(false, true);
	before = state_of(1);
	assert_refused(ask(req, 0), PALLOCD_INVALID, "id");
	assert_unchanged(1, &before);
	(void)take(7, 0);
	before = state_of(1);
	assert_refused(ask(req, 7), PALLOCD_INVALID, "id");
	assert_says("ascend");
	assert_refused(ask(req, 6), PALLOCD_INVALID, "id");
	assert_refused(ask(REQUEST(0, STAT, stat, &stat), 7), PALLOCD_INVALID, "id");
	req.answered = 8;
	assert_refused(ask(req, 8), PALLOCD_INVALID, "answered");
	ck_assert_uint_eq(f.reply->refusal->limit, 7);
	assert_unchanged(1, &before);
	(void)take(8, 7);
}
END_TEST

START_TEST(who_does_not_repeat_is_not_remembered)
{
	greet(false, false);
	ck_assert(!f.reply->hello->repeats);
	(void)take(5, 0);
	(void)take(5, 0);
	ck_assert_uint_eq(session()->memory[REGION_DURABILITY_NONE].n, 0);
	ck_assert_uint_eq(state_of(1).nextents, 2);
}
END_TEST

START_TEST(hello_says_that_it_repeats_and_how_long_a_restart_may_take)
{
	const Pallocd__V1__HelloReply *r = greet(false, true);

	ck_assert(r->repeats);
	ck_assert_uint_eq(r->restart_grace_msec, 0);
	f.rpc.restart_grace_msec = 30000;
	rpc_conn_close(f.conn, SESSION_CLOSED);
	ck_assert_int_eq(rpc_conn_open(f.conn, &f.rpc,
				       &(struct session_peer){.uid = 1000, .gid = 1000, .pid = 7},
				       &f.out),
			 0);
	ck_assert_uint_eq(greet(true, true)->restart_grace_msec, 0);
	f.rpc.store = (struct store *)&f;
	rpc_conn_close(f.conn, SESSION_CLOSED);
	ck_assert_int_eq(rpc_conn_open(f.conn, &f.rpc,
				       &(struct session_peer){.uid = 1000, .gid = 1000, .pid = 7},
				       &f.out),
			 0);
	ck_assert_uint_eq(greet(true, true)->restart_grace_msec, 30000);
	f.rpc.store = NULL;
}
END_TEST

START_TEST(replies_that_nobody_confirms_are_limited)
{
	uint64_t npages[PALLOCD_BATCH_EXTENTS_MAX], id = 1;
	Pallocd__V1__Free back = PALLOCD__V1__FREE__INIT;
	Pallocd__V1__Alloc m;
	Request req = alloc_request(&m, npages);
	uint64_t addr[1000];
	struct state before;

	for (unsigned i = 0; i < 1000; i++)
		npages[i] = 1;
	m.n_npages = 1000;
	back.region_id = 1;
	back.addr = addr;
	back.npages = npages;
	back.n_addr = back.n_npages = 1000;
	greet(false, true);
	for (;;) {
		before = state_of(1);
		if (ask(req, id)->status)
			break;
		memcpy(addr, f.reply->alloc->addr, sizeof(addr));
		assert_ok(ask(REQUEST(0, FREE, free, &back), id + 1));
		id += 2;
		ck_assert_uint_lt(id, 1000);
	}
	assert_refused(f.reply, PALLOCD_LIMIT, "answered");
	ck_assert_uint_eq(f.reply->refusal->limit, PALLOCD_REPEAT_BYTES_MAX);
	ck_assert_uint_le(f.reply->refusal->used, PALLOCD_REPEAT_BYTES_MAX);
	assert_unchanged(1, &before);
	req.answered = id - 1;
	assert_ok(ask(req, id + 1));
}
END_TEST

START_TEST(without_memory_for_its_reply_nothing_is_done)
{
	Pallocd__V1__Alloc m;
	uint64_t one = 1;
	struct state before;

	greet(false, true);
	before = state_of(1);
	mem_fail_after(0);
	ask(alloc_request(&m, &one), 1);
	mem_fail_after(-1);
	assert_refused(f.reply, PALLOCD_NO_MEMORY, "");
	assert_unchanged(1, &before);
	(void)take(2, 0);
}
END_TEST

/* Who goes on with the session need not be who has begun it. */
START_TEST(hello_says_the_last_id_of_a_session)
{
	ck_assert_uint_eq(greet(false, true)->last_id, 0);
	(void)take(41, 0);
	(void)take(43, 42);
	rpc_conn_close(f.conn, SESSION_CLOSED);
	ck_assert_int_eq(rpc_conn_open(f.conn, &f.rpc,
				       &(struct session_peer){.uid = 1000, .gid = 1000, .pid = 8},
				       &f.out),
			 0);
	ck_assert_uint_eq(greet(true, true)->last_id, 43);
}
END_TEST

START_TEST(a_session_resumed_while_its_old_connection_is_open_remembers)
{
	uint64_t addr;

	greet(false, true);
	addr = take(1, 0);
	other_connect(&later, 1000);
	conn_swap(&later);
	ck_assert(greet(true, true)->resumed);
	ck_assert_uint_eq(take(1, 0), addr);
	conn_swap(&later);
	ck_assert_uint_eq(f.ncut, 1);
	ck_assert_int_eq((int)f.main.ending, PALLOCD_SESSION_ENDED);
	ck_assert(!f.main.repeats);
	ck_assert_uint_eq(state_of(1).nextents, 1);
	rpc_conn_close(&later, SESSION_CLOSED);
}
END_TEST

START_TEST(what_waits_when_the_connection_is_lost_has_changed_nothing)
{
	Pallocd__V1__Alloc m;
	uint64_t most = 1024, need = 2000;
	Request all = alloc_request(&m, &most), waits;
	Pallocd__V1__Alloc w;

	greet(false, true);
	assert_ok(ask(all, 1));
	waits = alloc_request(&w, &need);
	w.wait_msec = 60000;
	waits.id = 2;
	put(&waits);
	ck_assert_int_eq(serve(), RPC_E_WAIT);
	reconnect();
	ck_assert_uint_eq(f.rpc.nwaiting, 0);
	ck_assert_uint_eq(session()->memory[REGION_DURABILITY_NONE].done, 1);
	/* Asked again, it waits again; and is remembered only when it is answered. */
	need = 4;
	w.wait_msec = 0;
	assert_refused(ask(waits, 2), PALLOCD_NO_SPACE, "npages");
	RANGE(Grow, grow, 0, 512);
	assert_ok(ask(REQUEST(0, GROW, grow, &grow), 3));
	assert_ok(ask(waits, 4));
	assert_repeated(waits, 4);
}
END_TEST

START_TEST(a_request_of_several_turns_is_remembered_once)
{
	Pallocd__V1__Alloc m, w;
	uint64_t all = 1024, need = 10;
	Request req = alloc_request(&m, &all), waits = alloc_request(&w, &need);
	size_t used, n;

	greet(false, true);
	assert_ok(ask(req, 1));
	w.wait_msec = 60000;
	waits.id = 2;
	put(&waits);
	n = f.n;
	ck_assert_int_eq(serve(), RPC_E_WAIT);
	ck_assert_int_eq(region_grow(regions_by_id(&f.regions, 1), 0, 512, &(uint64_t){0},
				     &(uint64_t){0}, &(struct region_refusal){0}),
			 0);
	f.out.n = 0;
	ck_assert_int_eq(rpc_serve(f.conn, f.in, n, &f.out, &used, &(size_t){0}), 0);
	ck_assert_uint_eq(used, n);
	(void)unpack(0);
	assert_ok(f.reply);
	ck_assert_uint_eq(session()->memory[REGION_DURABILITY_NONE].done, 2);
	assert_repeated(waits, 2);
}
END_TEST

static void kept_make(const char *name, enum region_durability d)
{
	struct region_config config = {
		.base_addr = BASE,
		.page_size_bytes = 4096,
		.limit_bytes = 2048 * 4096,
		.initial_bytes = 1024 * 4096,
		.durability = d,
		RULES,
	};

	snprintf(config.name, sizeof(config.name), "%s", name);
	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
}

START_TEST(a_reply_is_remembered_as_long_as_what_it_tells_of)
{
	Pallocd__V1__Alloc m;
	uint64_t one = 1;

	kept_make("p", REGION_DURABILITY_PROCESS);
	kept_make("m", REGION_DURABILITY_MACHINE);
	greet(false, true);
	for (uint32_t region = 1; region <= 3; region++) {
		Request req = alloc_request(&m, &one);

		m.region_id = region;
		assert_ok(ask(req, region));
		ck_assert_uint_eq(session()->memory[region - 1].done, region);
		assert_repeated(req, region);
	}
	(void)take(4, 3);
	ck_assert_uint_eq(session()->memory[REGION_DURABILITY_PROCESS].n, 0);
	ck_assert_uint_eq(session()->memory[REGION_DURABILITY_MACHINE].n, 0);
	ck_assert_uint_eq(session()->memory[REGION_DURABILITY_MACHINE].done, 3);
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_test(tc, each_verb_that_changes_an_extent_is_done_once);
	tcase_add_test(tc, each_verb_that_changes_the_space_is_done_once);
	tcase_add_test(tc, sharing_and_releasing_and_ending_are_done_once);
	tcase_add_test(tc, a_long_reply_is_remembered_as_a_short_one_is);
	tcase_add_test(tc, what_changes_nothing_is_served_anew);
	tcase_add_test(tc, what_never_came_is_done_when_it_comes);
	tcase_add_test(tc, what_was_refused_is_tried_anew_though_a_later_one_was_done);
	tcase_add_test(tc, what_was_answered_is_forgotten);
	tcase_add_test(tc, ids_ascend_on_a_connection);
	tcase_add_test(tc, who_does_not_repeat_is_not_remembered);
	tcase_add_test(tc, hello_says_that_it_repeats_and_how_long_a_restart_may_take);
	tcase_add_test(tc, replies_that_nobody_confirms_are_limited);
	tcase_add_test(tc, without_memory_for_its_reply_nothing_is_done);
	tcase_add_test(tc, hello_says_the_last_id_of_a_session);
	tcase_add_test(tc, a_session_resumed_while_its_old_connection_is_open_remembers);
	tcase_add_test(tc, what_waits_when_the_connection_is_lost_has_changed_nothing);
	tcase_add_test(tc, a_request_of_several_turns_is_remembered_once);
	tcase_add_test(tc, a_reply_is_remembered_as_long_as_what_it_tells_of);
}

int main(void)
{
	return run("repeat", add);
}
