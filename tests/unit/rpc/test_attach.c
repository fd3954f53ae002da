/*
 * test_attach - Attach: whose descriptor goes out, and when none does
 *
 * Role:       unit tests of the verb in rpc/. How descriptors travel is net's.
 * Uses:       rpc/, region/, proto/, check
 */
#include "backed.h"

static void put_attach(uint32_t region_id, bool write)
{
	Pallocd__V1__Attach m = PALLOCD__V1__ATTACH__INIT;

	m.region_id = region_id;
	m.write = write;
	put(&REQUEST(5, ATTACH, attach, &m));
}

static void attach(uint32_t region_id, bool write)
{
	put_attach(region_id, write);
	f.out.nfds = 0;
	ck_assert_int_eq(serve_kept(), 0);
	unpack(0);
}

START_TEST(a_descriptor_for_what_is_wanted)
{
	const Pallocd__V1__AttachReply *reply;

	backed_make((struct region_config){0});
	hello();
	attach(2, _i);
	assert_ok(f.reply);
	reply = f.reply->attach;
	ck_assert_uint_eq(f.out.nfds, 1);
	ck_assert_int_eq(f.out.fds[0], backing_fd(&b, _i));
	ck_assert_int_eq(reply->write, _i);
	ck_assert_uint_eq(reply->base_addr, BASE);
	ck_assert_uint_eq(reply->bytes, NPAGES * PAGE_BYTES);
	ck_assert_uint_eq(reply->page_size_bytes, PAGE_BYTES);
	ck_assert_uint_eq(reply->backing_page_bytes, PAGE_BYTES);
	ck_assert_int_eq(reply->backing, PALLOCD__V1__BACKING__BACKING_FILE);
}
END_TEST

START_TEST(refusals_carry_none)
{
	struct region *r = backed_make((struct region_config){0});

	hello();
	attach(1, false);
	assert_refused(f.reply, PALLOCD_INVALID, "region_id");
	f.conn->session->rights[r->id - 1] = ACCESS_ATTACH_RO;
	attach(2, true);
	assert_refused(f.reply, PALLOCD_DENIED, "attach-rw");
	ck_assert_uint_eq(f.out.nfds, 0);
	attach(2, false);
	assert_ok(f.reply);
	f.conn->session->rights[r->id - 1] = ACCESS_ALLOC;
	attach(2, false);
	assert_refused(f.reply, PALLOCD_DENIED, "attach-ro");
	ck_assert_uint_eq(f.out.nfds, 0);
}
END_TEST

/* No more than one message can carry; the rest after these have been sent. */
START_TEST(many_in_a_batch)
{
	backed_make((struct region_config){0});
	hello();
	for (unsigned i = 0; i < RPC_OUT_FDS_MAX + 2; i++)
		put_attach(2, i % 2);
	ck_assert_int_eq(serve_kept(), RPC_E_OUT_FULL);
	ck_assert_uint_eq(f.out.nfds, RPC_OUT_FDS_MAX);
	for (unsigned i = 0; i < RPC_OUT_FDS_MAX; i++)
		ck_assert_int_eq(f.out.fds[i], backing_fd(&b, i % 2));
	f.out.nfds = 0;
	ck_assert_int_eq(serve_kept(), 0);
	ck_assert_uint_eq(f.out.nfds, 2);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_loop_test(tc, a_descriptor_for_what_is_wanted, 0, 2);
	tcase_add_test(tc, refusals_carry_none);
	tcase_add_test(tc, many_in_a_batch);
}

int main(void)
{
	return run("attach", add_tests);
}
