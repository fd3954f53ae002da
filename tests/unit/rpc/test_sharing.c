/*
 * test_sharing - extents with several holders, and such that change hands
 *
 * Role:       unit tests of Share, Release and Handover in rpc/, and of what sharing does to Free.
 * Uses:       rpc/, region/, proto/, check
 */
#include "fixture.h"

#define PAGE(N) (BASE + (N)*UINT64_C(4096))

static struct rpc_conn other;

static const Reply *share(uint64_t addr, const char *name)
{
	Pallocd__V1__Share m = PALLOCD__V1__SHARE__INIT;

	m.region_id = 1;
	m.addr = addr;
	m.name = (char *)(uintptr_t)name;
	return call(&REQUEST(1, SHARE, share, &m));
}

static const Reply *release(uint64_t addr)
{
	Pallocd__V1__Release m = PALLOCD__V1__RELEASE__INIT;

	m.region_id = 1;
	m.addr = addr;
	return call(&REQUEST(1, RELEASE, release, &m));
}

static const Reply *handover(uint64_t addr, uint64_t session, bool to_user, uint32_t uid)
{
	Pallocd__V1__Handover m = PALLOCD__V1__HANDOVER__INIT;

	m.region_id = 1;
	m.addr = addr;
	m.session = session;
	m.to_user = to_user;
	m.uid = uid;
	return call(&REQUEST(1, HANDOVER, handover, &m));
}

static void name_it(uint64_t addr, const char *name)
{
	Pallocd__V1__Annotate m = PALLOCD__V1__ANNOTATE__INIT;

	m.region_id = 1;
	m.addr = addr;
	m.set_name = true;
	m.name = (char *)(uintptr_t)name;
	assert_ok(call(&REQUEST(1, ANNOTATE, annotate, &m)));
}

/* Who owns the extent at @addr. */
static struct region_view view_of(uint64_t addr)
{
	struct region_view v;

	ck_assert_int_eq(region_view(f.regions.table[0], addr, &v), 0);
	return v;
}

/* The producer, f.main, has two extents, the first called "frames"; the consumer, other, is of another user. */
static void begin(void)
{
	hello();
	alloc_n((uint64_t[]){4, 2}, 2, 0);
	name_it(PAGE(0), "frames");
	other_open(&other, 1001);
}

static void end(void)
{
	if (f.conn == &other)
		conn_swap(&other);
	rpc_conn_close(&other, SESSION_CLOSED);
}

START_TEST(a_producer_may_die)
{
	const Pallocd__V1__Extent *e;

	begin();
	conn_swap(&other);
	assert_ok(_i ? share(0, "frames") : share(PAGE(0), ""));
	e = f.reply->share->extent;
	ck_assert_uint_eq(e->addr, PAGE(0));
	ck_assert_uint_eq(e->npages, 4);
	ck_assert_str_eq(e->name, "frames");
	ck_assert_uint_eq(e->nholders, 2);
	ck_assert_uint_eq(e->session, f.main.session->id);
	session_end(f.main.session, SESSION_DIED, 0);
	f.main.session = NULL;
	while (!rpc_work(&f.rpc))
		;
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 4);
	ck_assert_uint_eq(view_of(PAGE(0)).session, other.session->id);
	assert_ok(release(PAGE(0)));
	ck_assert_uint_eq(f.reply->release->npages, 4);
	ck_assert_uint_eq(f.reply->release->nholders, 0);
	ck_assert_uint_eq(f.regions.table[0]->used_npages, 0);
	end();
}
END_TEST

START_TEST(share_refusals)
{
	struct state before;

	begin();
	before = state_of(1);
	assert_refused(share(PAGE(0), ""), PALLOCD_INVALID, "addr");
	assert_says("holds the extent");
	conn_swap(&other);
	assert_refused(share(PAGE(1), ""), PALLOCD_NOT_FOUND, "addr");
	assert_says("begins at 0x101000");
	assert_refused(share(PAGE(100), ""), PALLOCD_NOT_FOUND, "addr");
	assert_refused(share(0, ""), PALLOCD_NOT_FOUND, "addr");
	assert_refused(share(PAGE(0), "nothing"), PALLOCD_NOT_FOUND, "name");
	assert_refused(share(PAGE(0), "\x01"), PALLOCD_INVALID, "name");
	f.regions.table[0]->quota.session_npages = 3;
	assert_refused(share(PAGE(0), ""), PALLOCD_QUOTA, "session_pages");
	ck_assert_uint_eq(f.reply->refusal->asked, 4);
	f.regions.table[0]->quota.session_npages = 0;
	other.session->rights[0] = ACCESS_ALLOC;
	assert_refused(share(PAGE(0), ""), PALLOCD_DENIED, "attach-ro");
	assert_unchanged(1, &before);
	ck_assert_uint_eq(f.regions.table[0]->nshares, 0);
	end();
}
END_TEST

START_TEST(what_is_shared_is_freed_as_a_whole)
{
	uint64_t addr = PAGE(0);

	begin();
	conn_swap(&other);
	assert_ok(share(addr, ""));
	conn_swap(&other);
	assert_refused(free_n(&addr, (uint64_t[]){2}, 1, 1), PALLOCD_SHARED, "addr");
	assert_says("has 2 holders");
	ck_assert_uint_eq(f.reply->refusal->nextents, 2);
	ck_assert_uint_eq(f.reply->refusal->addr, addr);
	/* Both extents at once: one of them others hold on to. */
	assert_ok(free_n(&addr, (uint64_t[]){6}, 1, 1));
	ck_assert_uint_eq(f.reply->free->npages, 6);
	ck_assert_uint_eq(f.reply->free->shared_npages, 4);
	ck_assert_uint_eq(view_of(addr).session, other.session->id);
	assert_refused(free_n(&addr, (uint64_t[]){4}, 1, 1), PALLOCD_NOT_OWNER, "addr");
	end();
}
END_TEST

START_TEST(release_says_who_is_left)
{
	begin();
	assert_refused(release(PAGE(1)), PALLOCD_NOT_FOUND, "addr");
	conn_swap(&other);
	assert_refused(release(PAGE(0)), PALLOCD_NOT_OWNER, "addr");
	assert_ok(share(PAGE(0), ""));
	assert_ok(release(PAGE(0)));
	ck_assert_uint_eq(f.reply->release->nholders, 1);
	ck_assert_uint_eq(f.reply->release->npages, 4);
	assert_ok(share(PAGE(0), ""));
	conn_swap(&other);
	assert_ok(release(PAGE(0)));
	ck_assert_uint_eq(f.reply->release->nholders, 1);
	ck_assert_uint_eq(view_of(PAGE(0)).session, other.session->id);
	assert_refused(release(PAGE(0)), PALLOCD_NOT_OWNER, "addr");
	end();
}
END_TEST

START_TEST(handover_to_a_session)
{
	struct rpc_conn sibling;
	uint64_t addr;

	begin();
	/* Another user's has to want it, or an administrator has to. */
	f.main.session->rights[0] = ACCESS_ALLOC;
	assert_refused(handover(PAGE(0), other.session->id, false, 0), PALLOCD_DENIED, "admin");
	assert_says("accepts_handover");
	other.session->accepts_handover = true;
	assert_ok(handover(PAGE(0), other.session->id, false, 0));
	ck_assert_uint_eq(f.reply->handover->npages, 4);
	ck_assert_uint_eq(view_of(PAGE(0)).session, other.session->id);
	ck_assert_str_eq(view_of(PAGE(0)).name, "frames");
	assert_refused(handover(PAGE(0), other.session->id, false, 0), PALLOCD_NOT_OWNER, "addr");
	other.session->accepts_handover = false;
	f.main.session->rights[0] = ACCESS_ADMIN;
	assert_ok(handover(PAGE(4), other.session->id, false, 0));
	/* One of its own user's needs nothing. */
	f.main.session->rights[0] = ACCESS_ALLOC;
	addr = alloc_n((uint64_t[]){3}, 1, 0)->alloc->addr[0];
	other_open(&sibling, 1000);
	assert_ok(handover(addr, sibling.session->id, false, 0));
	rpc_conn_close(&sibling, SESSION_CLOSED);
	end();
}
END_TEST

START_TEST(handover_to_a_user)
{
	begin();
	f.main.session->rights[0] = ACCESS_ALLOC;
	assert_ok(handover(PAGE(0), 0, true, 1000));
	ck_assert_uint_eq(view_of(PAGE(0)).session, 0);
	ck_assert_uint_eq(view_of(PAGE(0)).uid, 1000);
	assert_refused(handover(PAGE(0), 0, true, 1001), PALLOCD_DENIED, "admin");
	f.main.session->rights[0] = ACCESS_ADMIN;
	assert_ok(handover(PAGE(0), 0, true, 1001));
	ck_assert_uint_eq(view_of(PAGE(0)).uid, 1001);
	ck_assert_uint_eq(f.regions.table[0]->detached_npages, 4);
	end();
}
END_TEST

START_TEST(handover_refusals)
{
	struct state before;
	uint64_t gone;

	begin();
	before = state_of(1);
	assert_refused(handover(PAGE(0), 0, false, 0), PALLOCD_INVALID, "session");
	assert_refused(handover(PAGE(0), other.session->id, true, 0), PALLOCD_INVALID, "session");
	assert_refused(handover(PAGE(0), 4711, false, 0), PALLOCD_NO_SESSION, "session");
	ck_assert_uint_eq(f.reply->refusal->asked, 4711);
	assert_refused(handover(PAGE(1), other.session->id, false, 0), PALLOCD_NOT_FOUND, "addr");
	/* The administrator's word is not enough where the other could do nothing with it. */
	other.session->rights[0] = 0;
	assert_refused(handover(PAGE(0), other.session->id, false, 0), PALLOCD_DENIED, "session");
	other.session->rights[0] = ACCESS_ALLOC;
	f.regions.table[0]->quota.user_npages = 6;
	conn_swap(&other);
	assert_ok(alloc_n((uint64_t[]){3}, 1, 0));
	assert_refused(handover(PAGE(0), other.session->id, false, 0), PALLOCD_NOT_OWNER, "addr");
	conn_swap(&other);
	assert_refused(handover(PAGE(0), other.session->id, false, 0), PALLOCD_QUOTA, "user_pages");
	ck_assert_uint_eq(f.reply->refusal->used, 3);
	gone = other.session->id;
	rpc_conn_close(&other, SESSION_CLOSED);
	assert_refused(handover(PAGE(0), gone, false, 0), PALLOCD_NO_SESSION, "session");
	while (!rpc_work(&f.rpc))
		;
	assert_unchanged(1, &before);
}
END_TEST

/* Every taking of memory on the way fails once: nothing has changed then. */
START_TEST(no_memory)
{
	struct state before;

	begin();
	other.session->accepts_handover = true;
	before = state_of(1);
	conn_swap(&other);
	for (long n = 0;; n++) {
		mem_fail_after(n);
		share(PAGE(0), "");
		mem_fail_after(-1);
		if (!f.reply->status)
			break;
		assert_refused(f.reply, PALLOCD_NO_MEMORY, "");
		assert_unchanged(1, &before);
	}
	conn_swap(&other);
	for (long n = 0;; n++) {
		mem_fail_after(n);
		handover(PAGE(4), 0, true, 1000);
		mem_fail_after(-1);
		if (!f.reply->status)
			break;
		assert_refused(f.reply, PALLOCD_NO_MEMORY, "");
		assert_unchanged(1, &before);
	}
	end();
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_loop_test(tc, a_producer_may_die, 0, 2);
	tcase_add_test(tc, share_refusals);
	tcase_add_test(tc, what_is_shared_is_freed_as_a_whole);
	tcase_add_test(tc, release_says_who_is_left);
	tcase_add_test(tc, handover_to_a_session);
	tcase_add_test(tc, handover_to_a_user);
	tcase_add_test(tc, handover_refusals);
	tcase_add_test(tc, no_memory);
}

int main(void)
{
	return run("sharing", add_tests);
}
