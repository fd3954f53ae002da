/*
 * test_backed - a daemon with memory behind its region
 *
 * Role:       unit tests of net/ with all that is below it: descriptors and jobs as clients get them, and stops in between.
 * Uses:       tests/unit/net/fixture.h
 */
#include "fixture.h"

#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE_BYTES 4096
#define REGION_BYTES (UINT64_C(256) << 20)

static int start_backed(void)
{
	f.region_bytes = REGION_BYTES;
	f.backed = true;
	start();
	return wire_open(f.path);
}

static size_t pack_attach(uint64_t id, uint8_t *buf)
{
	Pallocd__V1__Attach m = PALLOCD__V1__ATTACH__INIT;

	m.region_id = 1;
	m.write = true;
	return wire_pack(&REQUEST(id, ATTACH, attach, &m), buf);
}

/* Return: the descriptors that came with the first bytes, up to RPC_OUT_FDS_MAX; the replies are left to be read. */
static unsigned fds_receive(int fd, int *ret_fds)
{
	union {
		struct cmsghdr align;
		uint8_t data[CMSG_SPACE(RPC_OUT_FDS_MAX * sizeof(int))];
	} control;
	uint8_t first;
	struct iovec iov = {.iov_base = &first, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.data,
			     .msg_controllen = sizeof(control)};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct cmsghdr *cmsg;
	size_t n;

	ck_assert_int_eq(poll(&p, 1, WIRE_TIMEOUT_MSEC), 1);
	/* Descriptors come to who only peeks, too, as others of the same. */
	ck_assert_int_eq(recvmsg(fd, &msg, MSG_PEEK | MSG_CMSG_CLOEXEC), 1);
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg)
		return 0;
	n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(ret_fds, CMSG_DATA(cmsg), n * sizeof(int));
	return (unsigned)n;
}

static uint8_t *region_map(int fd)
{
	static uint8_t buf[256];
	int fds[RPC_OUT_FDS_MAX];
	Reply *reply;
	uint8_t *p;

	wire_send(fd, buf, pack_attach(1, buf));
	ck_assert_uint_eq(fds_receive(fd, fds), 1);
	reply = wire_reply(fd);
	ck_assert_ptr_nonnull(reply);
	ck_assert_msg(!reply->status, "%s", reply->message);
	ck_assert_uint_eq(reply->attach->bytes, REGION_BYTES);
	wire_done(reply);
	p = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	close(fds[0]);
	return p;
}

/* A batch of them, and what stands for one stands for all. */
START_TEST(attached_in_a_batch)
{
	static uint8_t buf[RPC_OUT_FDS_MAX * 256];
	int fds[RPC_OUT_FDS_MAX], fd = start_backed();
	struct stat first, st;
	size_t n = 0;

	for (uint64_t i = 0; i < RPC_OUT_FDS_MAX; i++)
		n += pack_attach(i, buf + n);
	wire_send(fd, buf, n);
	ck_assert_uint_eq(fds_receive(fd, fds), RPC_OUT_FDS_MAX);
	ck_assert_int_eq(fstat(fds[0], &first), 0);
	ck_assert_uint_eq((uint64_t)first.st_size, REGION_BYTES);
	for (uint64_t i = 0; i < RPC_OUT_FDS_MAX; i++) {
		Reply *reply = wire_reply(fd);

		ck_assert_uint_eq(reply->id, i);
		ck_assert_msg(!reply->status, "%s", reply->message);
		wire_done(reply);
		ck_assert_int_eq(fstat(fds[i], &st), 0);
		ck_assert_uint_eq(st.st_ino, first.st_ino);
		close(fds[i]);
	}
	close(fd);
	stop();
}
END_TEST

static size_t pack_zeros(uint64_t id, uint64_t npages, uint8_t *buf)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = 1;
	m.npages = &npages;
	m.n_npages = 1;
	m.zero = true;
	m.commit = PALLOCD__V1__COMMIT__COMMIT_NOW;
	return wire_pack(&REQUEST(id, ALLOC, alloc, &m), buf);
}

static uint64_t alloc_zeros(int fd, uint64_t npages)
{
	static uint8_t buf[256];
	uint64_t addr;
	Reply *reply;

	wire_send(fd, buf, pack_zeros(5, npages, buf));
	reply = wire_reply(fd);
	ck_assert_ptr_nonnull(reply);
	ck_assert_msg(!reply->status, "%s", reply->message);
	addr = reply->alloc->addr[0];
	wire_done(reply);
	return addr;
}

static void assert_zeros(const uint8_t *p, size_t n)
{
	/* Each assertion of check costs a system call. */
	for (size_t i = 0; i < n; i++) {
		if (p[i])
			ck_abort_msg("byte %zu is %u", i, p[i]);
	}
}

START_TEST(zeros_where_data_was)
{
	const uint64_t npages = 1000;
	int fd = start_backed();
	uint8_t *map = region_map(fd);
	uint64_t addr;

	for (int i = 0; i < 3; i++) {
		addr = alloc_zeros(fd, npages);
		assert_zeros(map + (addr - BASE), npages * PAGE_BYTES);
		memset(map + (addr - BASE), 0xaa, npages * PAGE_BYTES);
		ck_assert_uint_eq(wire_free(fd, addr, npages), PALLOCD_OK);
	}
	munmap(map, REGION_BYTES);
	close(fd);
	stop();
}
END_TEST

START_TEST(scavenged_when_asked)
{
	Pallocd__V1__Scavenge m = PALLOCD__V1__SCAVENGE__INIT;
	const uint64_t npages = 5000;
	int fd = start_backed();
	Reply *reply;

	ck_assert_uint_eq(wire_free(fd, alloc_zeros(fd, npages), npages), PALLOCD_OK);
	m.region_id = 1;
	m.wait = true;
	reply = wire_call(fd, &REQUEST(6, SCAVENGE, scavenge, &m));
	ck_assert_msg(!reply->status, "%s", reply->message);
	ck_assert_uint_eq(reply->scavenge->released_npages, npages);
	ck_assert_str_eq(reply->scavenge->failure, "");
	wire_done(reply);
	close(fd);
	stop();
}
END_TEST

/* Whatever each of its connections has asked for: all of it is given back, and the daemon ends well. */
START_TEST(a_stop_at_any_time)
{
	enum { NCONNS = 8 };
	static uint8_t buf[4 * 256];
	int fd[NCONNS];

	for (long nsec = 1000; nsec < 10000000; nsec *= 4) {
		struct timespec ts = {.tv_nsec = nsec};
		size_t n = 0;

		if (nsec > 1000)
			setup();
		fd[0] = start_backed();
		for (int i = 1; i < NCONNS; i++)
			fd[i] = wire_open(f.path);
		for (uint64_t id = 0; id < 3; id++)
			n += pack_zeros(id, 200, buf + n);
		n += pack_attach(3, buf + n);
		for (int i = 0; i < NCONNS; i++)
			wire_send(fd[i], buf, n);
		nanosleep(&ts, NULL);
		stop();
		for (int i = 0; i < NCONNS; i++)
			close(fd[i]);
	}
}
END_TEST

/* The same with clients that go, and others that stay. */
START_TEST(clients_go_at_any_time)
{
	static uint8_t buf[4 * 256];
	int other = start_backed(), fd;
	size_t n = 0;

	for (uint64_t id = 0; id < 3; id++)
		n += pack_zeros(id, 200, buf + n);
	for (long nsec = 1000; nsec < 10000000; nsec *= 2) {
		struct timespec ts = {.tv_nsec = nsec};

		fd = wire_open(f.path);
		wire_send(fd, buf, n);
		nanosleep(&ts, NULL);
		close(fd);
		wire_await_sessions(other, 1, 0);
	}
	(void)alloc_zeros(other, 2000);
	close(other);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backed");
	TCase *tc = tcase_create("backed");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, attached_in_a_batch);
	tcase_add_test(tc, zeros_where_data_was);
	tcase_add_test(tc, scavenged_when_asked);
	tcase_add_test(tc, a_stop_at_any_time);
	tcase_add_test(tc, clients_go_at_any_time);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
