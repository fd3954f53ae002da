/*
 * test_held - replies that wait until what they tell of is written down, over real sockets
 *
 * Role:       a daemon with a store whose writes wait for a byte from the test, or fail.
 */
#include "tests/unit/fake_store.h"
#include "tests/unit/net/fixture.h"
#include "tests/unit/suite.h"

static int gate[2]; /* each byte lets one batch through */

static void prepare(struct rpc *rpc)
{
	rpc->store = fake_store_make(rpc->regions);
}

/* A daemon whose region is kept so. */
static void start_kept(enum region_durability d)
{
	fake_store_open();
	ck_assert_int_eq(pipe(gate), 0);
	fake->gate_fd = gate[0];
	f.durability = d;
	f.prepare = prepare;
	f.region_bytes = 1 << 24;
	start();
}

static void gate_open(unsigned nbatches)
{
	while (nbatches--)
		ck_assert_int_eq(write(gate[1], "", 1), 1);
}

static void alloc_send(int fd, uint64_t id)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;
	uint64_t one = 1;

	m.region_id = 1;
	m.npages = &one;
	m.n_npages = 1;
	wire_request(fd, &REQUEST(id, ALLOC, alloc, &m));
}

static void assert_reply(int fd, uint64_t id, unsigned status)
{
	Reply *reply = wire_reply(fd);

	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->id, id);
	ck_assert_msg((unsigned)reply->status == status, "%s", reply->message);
	wire_done(reply);
}

static void assert_silent(int fd)
{
	char c;

	ck_assert_int_lt(recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK), 0);
	ck_assert_int_eq(errno, EAGAIN);
}

/* As @watcher is told. Reads go on whatever is held. */
static uint64_t queued_bytes(int watcher)
{
	Reply *reply = wire_stat(watcher);
	uint64_t n = reply->stat->daemon->queued_bytes;

	wire_done(reply);
	return n;
}

START_TEST(a_reply_waits_until_what_it_tells_of_is_written)
{
	int fd, watcher;

	start_kept(REGION_DURABILITY_MACHINE);
	fd = wire_open(f.path);
	watcher = wire_open(f.path);
	alloc_send(fd, 5);
	wire_await_sessions(watcher, 2, 1);
	assert_silent(fd);
	ck_assert_uint_gt(queued_bytes(watcher), 0);
	/* What comes behind it is not served before. */
	alloc_send(fd, 6);
	wire_await_sessions(watcher, 2, 1);
	gate_open(1);
	assert_reply(fd, 5, PALLOCD_OK);
	wire_await_sessions(watcher, 2, 2);
	assert_silent(fd);
	gate_open(1);
	assert_reply(fd, 6, PALLOCD_OK);
	ck_assert_uint_eq(queued_bytes(watcher), 0);
	close(fd);
	gate_open(1);
	wire_await_sessions(watcher, 1, 0);
	close(watcher);
	stop();
}
END_TEST

START_TEST(those_who_wait_together_share_one_write)
{
	int fds[8], watcher;

	start_kept(REGION_DURABILITY_MACHINE);
	watcher = wire_open(f.path);
	for (unsigned i = 0; i < 8; i++) {
		fds[i] = wire_open(f.path);
		alloc_send(fds[i], 5);
		wire_await_sessions(watcher, i + 2, i + 1);
	}
	gate_open(2);
	for (unsigned i = 0; i < 8; i++)
		assert_reply(fds[i], 5, PALLOCD_OK);
	ck_assert_uint_eq(fake->nwrites, 2);
	ck_assert_uint_eq(fake->nwritten, 8);
	gate_open(16);
	for (unsigned i = 0; i < 8; i++)
		close(fds[i]);
	wire_await_sessions(watcher, 1, 0);
	close(watcher);
	stop();
}
END_TEST

START_TEST(who_is_gone_while_held_is_gone)
{
	int fd, watcher;

	start_kept(REGION_DURABILITY_MACHINE);
	fd = wire_open(f.path);
	watcher = wire_open(f.path);
	alloc_send(fd, 5);
	wire_await_sessions(watcher, 2, 1);
	close(fd);
	wire_await_sessions(watcher, 1, 0);
	ck_assert_uint_eq(queued_bytes(watcher), 0);
	gate_open(2);
	close(watcher);
	stop();
}
END_TEST

START_TEST(who_writes_no_more_gets_its_replies)
{
	int fd, watcher;

	start_kept(REGION_DURABILITY_MACHINE);
	fd = wire_open(f.path);
	watcher = wire_open(f.path);
	alloc_send(fd, 5);
	shutdown(fd, SHUT_WR);
	wire_await_sessions(watcher, 2, 1);
	assert_silent(fd);
	gate_open(2);
	assert_reply(fd, 5, PALLOCD_OK);
	wire_assert_end(fd);
	close(fd);
	close(watcher);
	stop();
}
END_TEST

START_TEST(the_last_reply_before_a_bad_frame_waits_too)
{
	int fd, watcher;

	start_kept(REGION_DURABILITY_MACHINE);
	fd = wire_open(f.path);
	watcher = wire_open(f.path);
	/* Both in one write, or one after the other: the connection ends after the last. */
	alloc_send(fd, 5);
	wire_send(fd, "\1\0\0\0\xff", 5);
	wire_await_sessions(watcher, 2, 1);
	gate_open(4);
	assert_reply(fd, 5, PALLOCD_OK);
	assert_reply(fd, 0, PALLOCD_MALFORMED);
	wire_assert_end(fd);
	close(fd);
	wire_await_sessions(watcher, 1, 0);
	close(watcher);
	stop();
}
END_TEST

START_TEST(a_descriptor_waits_with_its_reply)
{
	Pallocd__V1__Attach attach = PALLOCD__V1__ATTACH__INIT;
	union {
		struct cmsghdr align;
		uint8_t data[CMSG_SPACE(8 * sizeof(int))];
	} control;
	uint8_t buf[2 * WIRE_FRAME_BYTES];
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.data,
			     .msg_controllen = sizeof(control)};
	Pallocd__V1__Alloc alloc = PALLOCD__V1__ALLOC__INIT;
	uint64_t one = 1;
	int fd, watcher;
	size_t n;

	f.backed = true;
	start_kept(REGION_DURABILITY_MACHINE);
	fd = wire_open(f.path);
	watcher = wire_open(f.path);
	alloc.region_id = attach.region_id = 1;
	alloc.npages = &one;
	alloc.n_npages = 1;
	n = wire_pack(&REQUEST(5, ALLOC, alloc, &alloc), buf);
	n += wire_pack(&REQUEST(6, ATTACH, attach, &attach), buf + n);
	wire_send(fd, buf, n);
	wire_await_sessions(watcher, 2, 1);
	assert_silent(fd);
	gate_open(2);
	ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, WIRE_TIMEOUT_MSEC),
			 1);
	ck_assert_int_gt(recvmsg(fd, &msg, MSG_CMSG_CLOEXEC), 0);
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&msg));
	ck_assert_int_eq(CMSG_FIRSTHDR(&msg)->cmsg_type, SCM_RIGHTS);
	close(fd);
	close(watcher);
	stop();
}
END_TEST

START_TEST(what_cannot_be_written_is_held_and_goes_out_when_it_can)
{
	uint64_t addr;
	int fd, other;

	start_kept(REGION_DURABILITY_PROCESS);
	fd = wire_open(f.path);
	other = wire_open(f.path);
	fake->commit_err = -ENOSPC;
	alloc_send(fd, 5);
	/* Its change is there, and nobody else's is. */
	wire_await_sessions(other, 2, 1);
	ck_assert_uint_eq(wire_alloc(other, 1, 0, &addr), PALLOCD_STORE_FAILED);
	/* New sessions begin, and end. */
	close(wire_open(f.path));
	wire_await_sessions(other, 2, 1);
	assert_silent(fd);
	fake->commit_err = 0;
	assert_reply(fd, 5, PALLOCD_OK);
	ck_assert_uint_eq(wire_alloc(other, 1, 0, &addr), PALLOCD_OK);
	close(fd);
	close(other);
	stop();
}
END_TEST

/* Nobody's session has ended. */
static int verdict_sessions(const struct rpc *rpc)
{
	return rpc->regions->nsessions[SESSION_OPEN] == 2 &&
			       rpc->regions->nsessions[SESSION_ENDING] == 0 &&
			       rpc->commit_done == rpc->commit_last
		       ? 0
		       : 9;
}

START_TEST(a_stop_waits_for_what_is_being_written_and_leaves_sessions)
{
	int fd, watcher;

	f.verdict = verdict_sessions;
	start_kept(REGION_DURABILITY_MACHINE);
	fd = wire_open(f.path);
	watcher = wire_open(f.path);
	alloc_send(fd, 5);
	wire_await_sessions(watcher, 2, 1);
	ck_assert_int_eq(kill(f.pid, SIGTERM), 0);
	wire_assert_end(watcher);
	assert_silent(fd);
	gate_open(2);
	assert_reply(fd, 5, PALLOCD_OK);
	wire_assert_end(fd);
	close(fd);
	close(watcher);
	stopped();
}
END_TEST

static int verdict_failed(const struct rpc *rpc)
{
	return rpc->regions->nsessions[SESSION_OPEN] == 2 && rpc->commit_done < rpc->commit_last
		       ? 0
		       : 9;
}

START_TEST(a_stop_says_nothing_that_is_not_written)
{
	int fd, watcher;

	f.verdict = verdict_failed;
	start_kept(REGION_DURABILITY_PROCESS);
	fd = wire_open(f.path);
	watcher = wire_open(f.path);
	fake->commit_err = -EIO;
	alloc_send(fd, 5);
	wire_await_sessions(watcher, 2, 1);
	ck_assert_int_eq(kill(f.pid, SIGTERM), 0);
	wire_assert_end(fd);
	wire_assert_end(watcher);
	close(fd);
	close(watcher);
	stopped();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("held");
	TCase *tc = tcase_create("held");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_reply_waits_until_what_it_tells_of_is_written);
	tcase_add_test(tc, those_who_wait_together_share_one_write);
	tcase_add_test(tc, who_is_gone_while_held_is_gone);
	tcase_add_test(tc, who_writes_no_more_gets_its_replies);
	tcase_add_test(tc, the_last_reply_before_a_bad_frame_waits_too);
	tcase_add_test(tc, a_descriptor_waits_with_its_reply);
	tcase_add_test(tc, what_cannot_be_written_is_held_and_goes_out_when_it_can);
	tcase_add_test(tc, a_stop_waits_for_what_is_being_written_and_leaves_sessions);
	tcase_add_test(tc, a_stop_says_nothing_that_is_not_written);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
