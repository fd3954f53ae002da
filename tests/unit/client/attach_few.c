/*
 * attach_few - descriptors where there are too many of them, or no room
 *
 * Role:       a process that has no room for one more learns that, keeps what it has, and leaves none open that nobody knows of.
 * Uses:       client/lib, fake daemon with memory, check
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/client/behind.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

/* Region @id's, and no other's; closes it. */
static void is_of(const struct paclient_backing *b, uint32_t id)
{
	ck_assert_uint_eq(behind_number(b->fd, BEHIND_NPAGES - 1), id);
	ck_assert_int_eq(close(b->fd), 0);
}

static void serve_flood(struct fake *f, int fd)
{
	struct behind *b = f->arg;
	int fds[200];

	for (int i = 0; i < 200; i++)
		fds[i] = b->fd[1];
	fake_hello(fd);
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	behind_send(fd, "x", 1, fds, 200);
	while (recv(fd, fds, sizeof(fds), 0) > 0)
		;
}

START_TEST(flood)
{
	struct paclient_backing b = {.size = sizeof(b)};
	struct behind behind;
	struct fake f;
	unsigned n;
	paclient *c;

	behind_init(&behind);
	fake_start(&f, serve_flood, &behind);
	n = nopen();
	c = fake_open(&f, 2000);
	expect(paclient_attach(c, 1, 0, &b, &call), PACLIENT_PROTOCOL);
	ck_assert_uint_le(nopen(), n + 2);
	paclient_close(c);
	fake_stop(&f);
	ck_assert_uint_eq(nopen(), n - 1);
	behind_deinit(&behind);
}
END_TEST

START_TEST(too_many_open)
{
	struct paclient_backing b = {.size = sizeof(b)};
	struct behind behind;
	struct fake f;
	paclient *c;
	unsigned n;

	if (under_valgrind(__func__))
		return;
	behind_init(&behind);
	fake_start(&f, behind_serve, &behind);
	c = fake_open(&f, 2000);
	fill_gaps(behind.fd[1]);
	n = nopen();
	room_for(1);
	expect(paclient_attach(c, 1, 0, &b, &call), 0);
	is_of(&b, 1);
	room_for(0);
	expect(paclient_attach(c, 1, 0, &b, &call), PACLIENT_SYSTEM);
	ck_assert_int_eq(call.error.system_errno, EMFILE);
	ck_assert_ptr_nonnull(strstr(call.error.message, "ulimit"));
	expect(paclient_grow(c, 3, 512, NULL, &call), 0);
	room_for(UINT32_MAX);
	expect(paclient_attach(c, 2, 0, &b, &call), 0);
	is_of(&b, 2);
	ck_assert_uint_eq(nopen(), n);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* The daemon falls silent within a reply whose descriptor has come. */
static void serve_half(struct fake *f, int fd)
{
	struct behind *b = f->arg;
	Pallocd__V1__Request *q;
	uint8_t frame[256];
	int out;

	fake_hello(fd);
	q = fake_read(fd);
	behind_answer(f, b, q, frame, &out);
	pallocd__v1__request__free_unpacked(q, NULL);
	behind_send(fd, frame, 7, &out, 1);
	fake_read(fd);
}

START_TEST(closed_with_the_handle)
{
	struct paclient_backing b = {.size = sizeof(b)};
	struct behind behind;
	struct fake f;
	unsigned n;
	paclient *c;
	int status;

	behind_init(&behind);
	fake_start(&f, serve_half, &behind);
	n = nopen();
	c = fake_open(&f, 100);
	expect(paclient_attach(c, 1, 0, &b, &call), PACLIENT_TIMED_OUT);
	if (fork() == 0) {
		unsigned before = nopen();

		/* The socket and the descriptor that lies there. */
		paclient_close(c);
		_exit(nopen() == before - 2 ? 0 : 1);
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, 0);
	paclient_close(c);
	fake_stop(&f);
	ck_assert_uint_eq(nopen(), n - 1);
	behind_deinit(&behind);
}
END_TEST

/* Program without standard streams: what comes keeps out of their places. */
START_TEST(above_the_standard_streams)
{
	struct paclient_backing b = {.size = sizeof(b)};
	struct behind behind;
	struct fake f;
	paclient *c;
	int in;

	behind_init(&behind);
	fake_start(&f, behind_serve, &behind);
	c = fake_open(&f, 2000);
	in = dup(STDIN_FILENO);
	close(STDIN_FILENO);
	expect(paclient_attach(c, 1, 0, &b, &call), 0);
	ck_assert_int_gt(b.fd, STDERR_FILENO);
	dup2(in, STDIN_FILENO);
	is_of(&b, 1);
	paclient_close(c);
	fake_stop(&f);
	behind_deinit(&behind);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_attach_few");

	run_add(s, "flood", flood);
	run_add(s, "too_many_open", too_many_open);
	run_add(s, "closed_with_the_handle", closed_with_the_handle);
	run_add(s, "above_the_standard_streams", above_the_standard_streams);
	return suite_run(s);
}
