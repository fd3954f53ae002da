/*
 * sessions - ten thousand sessions come, allocate, and die in every way
 *
 * Role:       sessions of this process that end at any byte, and processes that are killed at any instruction; afterwards the
 *             region is exactly as it was.
 * Uses:       tests/e2e/daemon/daemon.h
 *
 *   e2e_sessions [NSESSIONS]
 */
#include <check.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "tests/e2e/daemon/daemon.h"
#include "tests/unit/random.h"

#define NPAGES 65536u
#define BASE UINT64_C(0x10000000)

/* At once: so many sockets of this process, and so many processes with so many sessions each. */
#define NSOCKETS 200u
#define NPROCESSES 8u
#define PROCESS_SESSIONS 25u

/* Whose sessions they are where this is root, who might free what is anybody's. The daemon runs under its own user then. */
#define UID_DAEMON 60001u
#define UID_MORTAL 60010u

static unsigned nsessions = 10000;

/* Opened by children that may die at any moment, counted where they cannot take it with them. */
static atomic_uint *nopened;

/* A request of a kind that changes something, or a Hello; packed into @buf. */
static size_t random_request(struct random *rnd, uint8_t *buf)
{
	Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__Free f = PALLOCD__V1__FREE__INIT;
	uint64_t npages[20], addr[20];
	size_t n = 1 + random_below(rnd, 20);

	a.region_id = f.region_id = 1;
	a.npages = f.npages = npages;
	a.n_npages = f.n_npages = f.n_addr = n;
	f.addr = addr;
	for (size_t i = 0; i < n; i++) {
		npages[i] = 1 + random_below(rnd, 8);
		addr[i] = BASE + random_below(rnd, NPAGES) * 4096;
	}
	if (random_below(rnd, 3))
		return wire_pack(&REQUEST(2, ALLOC, alloc, &a), buf);
	return wire_pack(&REQUEST(3, FREE, free, &f), buf);
}

static size_t hello_request(uint8_t *buf)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;

	m.version = 1;
	m.client = (char *)"mayfly";
	return wire_pack(&REQUEST(1, HELLO, hello, &m), buf);
}

/* What may be there to read is read, so that the daemon is not only met with full sockets. */
static void drain(int fd)
{
	char buf[4096];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

/* A few requests and often a part of one: the socket may be closed after any byte, or spoilt by what comes next. */
static void live(int fd, struct random *rnd)
{
	static uint8_t buf[64 * 1024];
	size_t n = hello_request(buf), nrequests = random_below(rnd, 12);

	for (size_t i = 0; i < nrequests; i++)
		n += random_request(rnd, buf + n);
	if (random_below(rnd, 2))
		n -= random_below(rnd, n);
	(void)!send(fd, buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (random_below(rnd, 2))
		drain(fd);
}

/* Sessions of this process: opened, used and closed in random order, half of them with a reset by unread replies. */
static void mayflies(const char *path, struct random *rnd)
{
	int fd[NSOCKETS];

	for (unsigned i = 0; i < NSOCKETS; i++) {
		fd[i] = wire_connect(path);
		live(fd[i], rnd);
		atomic_fetch_add(nopened, 1);
	}
	for (unsigned i = NSOCKETS; i > 0; i--) {
		unsigned k = (unsigned)random_below(rnd, i);

		if (random_below(rnd, 2))
			live(fd[k], rnd);
		close(fd[k]);
		fd[k] = fd[i - 1];
	}
}

/* A child: sessions that hold, cut and give back in earnest, until it is killed. */
static void child_run(const char *path, uint64_t seed)
{
	struct random rnd = {seed};
	int fd[PROCESS_SESSIONS];

	for (unsigned i = 0; i < PROCESS_SESSIONS; i++) {
		fd[i] = wire_open(path);
		atomic_fetch_add(nopened, 1);
	}
	for (;;) {
		unsigned k = (unsigned)random_below(&rnd, PROCESS_SESSIONS);
		uint64_t addr, npages = 1 + random_below(&rnd, 30), part;

		if (wire_alloc(fd[k], npages, 0, &addr))
			continue;
		if (random_below(&rnd, 3) == 0)
			continue;
		part = 1 + random_below(&rnd, npages);
		WIRE_MUST(!wire_free(fd[k], addr + (npages - part) * 4096, part),
			  "a free of its own pages is refused");
	}
}

static pid_t child_start(const char *path, struct random *rnd)
{
	uint64_t seed = random_below(rnd, UINT64_MAX);
	pid_t pid;

	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		child_run(path, seed);
		_exit(0);
	}
	return pid;
}

static void children_kill(pid_t *pid, struct random *rnd)
{
	for (unsigned i = 0; i < NPROCESSES; i++) {
		int status;

		wire_sleep_msec((long)random_below(rnd, 8));
		ck_assert_int_eq(kill(pid[i], SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
			      "a child ended by itself: %#x", (unsigned)status);
	}
}

struct numbers {
	uint64_t grown, free, largest, extents, session, detached;
};

static struct numbers numbers_read(int fd)
{
	Reply *reply = wire_stat(fd);
	const Pallocd__V1__RegionStat *r = reply->stat->region;
	struct numbers n = {r->grown_npages, r->free_npages,    r->largest_npages,
			    r->nextents,     r->session_npages, r->detached_npages};

	wire_done(reply);
	return n;
}

static void assert_same(const struct numbers *before, const struct numbers *after)
{
	ck_assert_uint_eq(before->grown, after->grown);
	ck_assert_uint_eq(before->free, after->free);
	ck_assert_uint_eq(before->largest, after->largest);
	ck_assert_uint_eq(before->extents, after->extents);
	ck_assert_uint_eq(before->session, after->session);
	ck_assert_uint_eq(before->detached, after->detached);
}

static void daemon_begin(struct daemon_process *d)
{
	const char *args[] = {
		"--socket",      d->path, "--region", "r,base=0x10000000,limit=256M,initial=256M",
		"--socket-mode", "0666",  NULL};

	daemon_place(d);
	if (geteuid() == 0)
		daemon_give(d, UID_DAEMON);
	daemon_exec(d, args);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(UID_MORTAL), 0);
	close(wire_connect(d->path));
}

START_TEST(sessions_leave_no_trace)
{
	struct numbers before, after;
	struct daemon_process d;
	struct random rnd;
	uint64_t kept, all;
	Reply *reply;
	int fd;

	random_init(&rnd, "sessions_leave_no_trace");
	nopened = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(nopened, MAP_FAILED);
	daemon_begin(&d);
	fd = wire_open(d.path);
	/* Something that must be untouched throughout. */
	ck_assert_uint_eq(wire_alloc(fd, 1000, 0, &kept), PALLOCD_OK);
	ck_assert_uint_eq(kept, BASE);
	before = numbers_read(fd);
	while (atomic_load(nopened) < nsessions) {
		pid_t pid[NPROCESSES];

		for (unsigned i = 0; i < NPROCESSES; i++)
			pid[i] = child_start(d.path, &rnd);
		mayflies(d.path, &rnd);
		children_kill(pid, &rnd);
	}
	printf("%u sessions\n", atomic_load(nopened));
	/* Who was killed before its connection was taken is heard even now: then that session is waited for, too. */
	do {
		wire_await_sessions(fd, 1, 1);
		after = numbers_read(fd);
	} while (after.extents != before.extents);
	assert_same(&before, &after);
	reply = wire_stat(fd);
	ck_assert_uint_gt(reply->stat->region->reclaims_total, 1000);
	/* Some of those that were cut in a frame went on with another: the stream was spoilt, and closed for it. */
	ck_assert_uint_gt(reply->stat->daemon->bad_frames_total, 0);
	wire_done(reply);
	/* The proof by use: all that is free is one extent, at the place where it must be. */
	ck_assert_uint_eq(wire_alloc(fd, NPAGES - 1000, 0, &all), PALLOCD_OK);
	ck_assert_uint_eq(all, BASE + 1000 * 4096);
	ck_assert_uint_eq(wire_free(fd, kept, NPAGES), PALLOCD_OK);
	close(fd);
	/* Root again, who may stop it. */
	(void)!seteuid(getuid());
	daemon_stop(&d);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("sessions");
	TCase *tc = tcase_create("sessions");
	SRunner *runner;
	int nfailed;

	if (argc > 1)
		nsessions = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2 || nsessions == 0) {
		fprintf(stderr, "usage: e2e_sessions [NSESSIONS]\n");
		return 2;
	}
	/* ctest's own limit is the sharper one; without ctest, someone is looking on. */
	tcase_set_timeout(tc, 3600);
	tcase_add_test(tc, sessions_leave_no_trace);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
