/*
 * users - the call users
 *
 * Role:       what comes in several replies, replies that make no sense, daemons that are too old.
 * Uses:       client/lib, fake daemon, check
 */
#include "tests/unit/client/fake.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

START_TEST(users_come_in_several_replies)
{
	const uint32_t uids[] = {3, 1000, UINT32_MAX - 1};
	struct paclient_user_list *list;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	for (uint32_t region = 0; region <= 3; region += 3) {
		expect(paclient_users(c, region, &list, &call), 0);
		ck_assert_uint_eq(list->nusers, 3);
		for (size_t i = 0; i < 3; i++) {
			const struct paclient_user_stat *u = list->users[i];

			ck_assert_uint_eq(u->size, sizeof(*u));
			ck_assert_uint_eq(u->uid, uids[i]);
			ck_assert(u->nsessions == 2 && u->nconnections == 3 && u->nwaiting == 4);
			ck_assert(u->queued_bytes == 5);
			ck_assert(u->npages == (region ? 6 : 0) && u->nextents == (region ? 7 : 0));
		}
		paclient_users_free(list);
	}
	paclient_users_free(NULL);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(replies_that_make_no_sense)
{
	struct paclient_user_list *list = NULL;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_users(c, 98, &list, &call), PACLIENT_PROTOCOL);
	expect(paclient_users(c, 97, &list, &call), PACLIENT_PROTOCOL);
	expect(paclient_users(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_list");
	expect(paclient_users(NULL, 3, &list, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_ptr_null(list);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Hello without features, and then nothing more is heard. */
static void old_daemon(struct fake *f, int fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__HelloReply hello = PALLOCD__V1__HELLO_REPLY__INIT;
	Pallocd__V1__Request *request = fake_read(fd);

	if (!request)
		return;
	hello.version = 1;
	hello.session = 1;
	hello.frame_bytes_max = 65536;
	hello.batch_extents_max = 512;
	reply.id = request->id;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_HELLO;
	reply.hello = &hello;
	pallocd__v1__request__free_unpacked(request, NULL);
	if (!fake_send(fd, &reply))
		return;
	request = fake_read(fd);
	*(bool *)f->arg = request != NULL;
	if (request)
		pallocd__v1__request__free_unpacked(request, NULL);
}

START_TEST(an_old_daemon_is_asked_nothing)
{
	struct paclient_user_list *list = NULL;
	bool asked = false;
	struct fake f;
	paclient *c;

	fake_start(&f, old_daemon, &asked);
	c = fake_open(&f, 1000);
	expect(paclient_users(c, 3, &list, &call), PACLIENT_UNKNOWN_VERB);
	ck_assert_ptr_null(list);
	paclient_close(c);
	fake_stop(&f);
	ck_assert(!asked);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_users");

	run_add(s, "users_come_in_several_replies", users_come_in_several_replies);
	run_add(s, "replies_that_make_no_sense", replies_that_make_no_sense);
	run_add(s, "an_old_daemon_is_asked_nothing", an_old_daemon_is_asked_nothing);
	return suite_run(s);
}
