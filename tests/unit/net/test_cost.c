/*
 * test_cost - what a batch costs in system calls
 *
 * Role:       unit tests of net/'s promise N2. recvmsg(2) and sendmsg(2) of the daemon are counted by the linker's --wrap, in
 *             memory that the daemon's process and the test share; other calls that move bytes must not be used at all.
 * Uses:       net/, check
 */
#include "fixture.h"

#include <sys/mman.h>

#define NBATCHES 200u
#define NREQUESTS 20u

struct counts {
	pid_t daemon;
	uint64_t nrecv, nsend, nother;
};

static struct counts *counts;

ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_recv(int fd, void *buf, size_t n, int flags);
ssize_t __real_send(int fd, const void *buf, size_t n, int flags);
ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __real_write(int fd, const void *buf, size_t n);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags);
ssize_t __wrap_read(int fd, void *buf, size_t n);
ssize_t __wrap_write(int fd, const void *buf, size_t n);

static void count(uint64_t *n)
{
	if (counts && counts->daemon == getpid())
		++*n;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	count(&counts->nrecv);
	return __real_recvmsg(fd, msg, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	count(&counts->nsend);
	return __real_sendmsg(fd, msg, flags);
}

ssize_t __wrap_recv(int fd, void *buf, size_t n, int flags)
{
	count(&counts->nother);
	return __real_recv(fd, buf, n, flags);
}

ssize_t __wrap_send(int fd, const void *buf, size_t n, int flags)
{
	count(&counts->nother);
	return __real_send(fd, buf, n, flags);
}

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
	count(&counts->nother);
	return __real_read(fd, buf, n);
}

ssize_t __wrap_write(int fd, const void *buf, size_t n)
{
	count(&counts->nother);
	return __real_write(fd, buf, n);
}

/* One write of @NREQUESTS requests: half of them allocs, half of them frees of what the batch before took. */
static size_t batch_pack(uint8_t *buf, const uint64_t *held)
{
	static uint64_t one = 1;
	size_t n = 0;

	for (uint64_t i = 0; i < NREQUESTS / 2; i++) {
		Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
		Pallocd__V1__Free g = PALLOCD__V1__FREE__INIT;
		uint64_t addr = held[i];

		a.region_id = g.region_id = 1;
		a.npages = g.npages = &one;
		a.n_npages = g.n_npages = g.n_addr = 1;
		g.addr = &addr;
		n += wire_pack(&REQUEST(1 + i, ALLOC, alloc, &a), buf + n);
		if (addr)
			n += wire_pack(&REQUEST(1 + i, FREE, free, &g), buf + n);
	}
	return n;
}

START_TEST(a_batch_is_one_read_and_one_write)
{
	static uint8_t buf[NREQUESTS * 256];
	uint64_t held[NREQUESTS / 2] = {0};
	int fd;

	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert_ptr_ne(counts, MAP_FAILED);
	start();
	fd = wire_open(f.path);
	counts->daemon = f.pid;
	for (unsigned batch = 0; batch < NBATCHES; batch++) {
		size_t n = batch_pack(buf, held);

		ck_assert_int_eq(send(fd, buf, n, MSG_NOSIGNAL), (ssize_t)n);
		for (unsigned i = 0; i < NREQUESTS / 2; i++) {
			Reply *reply = wire_reply(fd);

			ck_assert_uint_eq((unsigned)reply->status, PALLOCD_OK);
			if (held[i])
				wire_done(wire_reply(fd));
			held[i] = reply->alloc->addr[0];
			wire_done(reply);
		}
	}
	counts->daemon = 0;
	ck_assert_uint_eq(counts->nrecv, NBATCHES);
	ck_assert_uint_eq(counts->nsend, NBATCHES);
	ck_assert_uint_eq(counts->nother, 0);
	close(fd);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cost");
	TCase *tc = tcase_create("cost");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_batch_is_one_read_and_one_write);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
