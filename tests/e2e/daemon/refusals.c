/*
 * refusals - every refused request and every bad frame, while somebody else works
 *
 * Role:       a table of requests and frames against a live daemon; a child process meanwhile takes, gives back and verifies that
 *             its pages are nobody else's. Whatever was refused has changed nothing.
 * Uses:       tests/e2e/daemon/daemon.h
 */
#include <check.h>
#include <sys/mman.h>

#include "tests/e2e/daemon/daemon.h"
#include "tests/unit/random.h"

#define BASE UINT64_C(0x10000000)
#define NPAGES 4096u
#define WORKER_PAGES 512u

static struct daemon_process d;
static int fd;         /* who is refused; holds 10 pages at BASE */
static int foreign_fd; /* another session of this user; holds 10 pages behind them */

/* The child that works. It stops when @stop is set, and aborts when anything is not as it must be. */
static volatile struct {
	bool stop;
	uint64_t npairs;
} * worker;
static pid_t worker_pid;

static void worker_run(void)
{
	static bool held[NPAGES];
	uint64_t addr[WORKER_PAGES], addr_new;
	struct random rnd = {1};
	int wfd = wire_open(d.path);
	size_t n = 0;

	while (!worker->stop || n) {
		if (!worker->stop && n < WORKER_PAGES && random_below(&rnd, 2)) {
			WIRE_MUST(!wire_alloc(wfd, 1, 0, &addr_new), "the worker gets nothing");
			WIRE_MUST(!held[(addr_new - BASE) / 4096], "a page is given twice");
			WIRE_MUST(addr_new >= BASE + 20 * 4096, "a page of another is given");
			held[(addr_new - BASE) / 4096] = true;
			addr[n++] = addr_new;
		} else if (n) {
			size_t k = (size_t)random_below(&rnd, n);

			WIRE_MUST(!wire_free(wfd, addr[k], 1), "the worker's free is refused");
			held[(addr[k] - BASE) / 4096] = false;
			addr[k] = addr[--n];
		}
		worker->npairs++;
	}
	close(wfd);
}

/* Somebody who may not do everything: neither root nor the daemon's own user. Without root there is nobody else to be. */
#define UID_PLAIN 60010u

static int plain_open(void)
{
	uid_t uid = geteuid();
	int plain;

	/* The kernel notes who connects when it does. */
	ck_assert(uid != 0 || seteuid(UID_PLAIN) == 0);
	plain = wire_open(d.path);
	ck_assert(uid != 0 || seteuid(uid) == 0);
	return plain;
}

static void setup(void)
{
	uint64_t addr;

	worker = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne((void *)(uintptr_t)worker, MAP_FAILED);
	daemon_start(&d, "r,base=0x10000000,limit=32M,initial=16M,allow=*:alloc+grow+admin");
	ck_assert_int_eq(chmod(d.dir, 0755), 0);
	ck_assert_int_eq(chmod(d.path, 0666), 0);
	fd = plain_open();
	foreign_fd = wire_open(d.path);
	ck_assert_uint_eq(wire_alloc(fd, 10, 0, &addr), PALLOCD_OK);
	ck_assert_uint_eq(addr, BASE);
	ck_assert_uint_eq(wire_alloc(foreign_fd, 10, 0, &addr), PALLOCD_OK);
	fflush(NULL);
	worker_pid = fork();
	ck_assert_int_ge(worker_pid, 0);
	if (worker_pid == 0) {
		worker_run();
		_exit(0);
	}
}

static void teardown(void)
{
	uint64_t before = worker->npairs;
	int status;

	/* It must be at work still. */
	for (int i = 0; worker->npairs < before + 100 && i < 1000; i++)
		wire_sleep_msec(1);
	ck_assert_uint_ge(worker->npairs, before + 100);
	worker->stop = true;
	ck_assert_int_eq(waitpid(worker_pid, &status, 0), worker_pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the worker ended with %#x",
		      (unsigned)status);
	/* Ours and the other session's pages are still there, and nothing else is. */
	wire_await_sessions(fd, 2, 2);
	ck_assert_uint_eq(wire_free(fd, BASE, 10), PALLOCD_OK);
	ck_assert_uint_eq(wire_free(foreign_fd, BASE + 10 * 4096, 10), PALLOCD_OK);
	close(foreign_fd);
	close(fd);
	daemon_stop(&d);
}

/*
 * What each case asks for. The numbers go into Alloc.npages, or Free.addr (pages from BASE, or as it is) and npages; from GROW_AT on into
 * addr (pages from BASE, and bytes in b[1]) and npages, with a[1] for what else the verb has.
 */
enum kind {
	ALLOC,
	FREE,
	FREE_RAW,
	GROW,
	MAP,
	GROW_AT,
	SCATTER,  /* a[0], a[2] pages in up to a[1] extents; b[0] is the rule */
	STRATEGY, /* a[0] pages, a[1] is the strategy */
	FIT,
	RESIZE, /* a[1] is the edge */
	SPLIT,
	JOIN,
	SHRINK,
	DRAIN, /* a[1] undoes */
	RESERVE,
};

static const struct refusal_case {
	const char *name;
	enum kind kind;
	uint64_t a[3], b[3];
	size_t na, nb;
	unsigned status;
	uint32_t index;
} cases[] = {
	{"no entries", ALLOC, {0}, {0}, 0, 0, PALLOCD_INVALID, 0},
	{"0 pages", ALLOC, {1, 0}, {0}, 2, 0, PALLOCD_INVALID, 1},
	{"absurd size", ALLOC, {UINT64_MAX}, {0}, 1, 0, PALLOCD_LIMIT, 0},
	{"absurd sizes", ALLOC, {1, UINT64_MAX, UINT64_MAX}, {0}, 3, 0, PALLOCD_LIMIT, 1},
	{"above the limit", ALLOC, {1, 8193}, {0}, 2, 0, PALLOCD_LIMIT, 1},
	{"no space", ALLOC, {4096}, {0}, 1, 0, PALLOCD_NO_SPACE, 0},
	{"no space for the last", ALLOC, {1, 1, 4090}, {0}, 3, 0, PALLOCD_NO_SPACE, 0},
	{"nothing to free", FREE, {0}, {0}, 0, 0, PALLOCD_INVALID, 0},
	{"lengths are missing", FREE, {0, 1}, {1}, 2, 1, PALLOCD_INVALID, 0},
	{"addresses are missing", FREE, {0}, {1, 1}, 1, 2, PALLOCD_INVALID, 0},
	{"free 0 pages", FREE, {0, 1}, {1, 0}, 2, 2, PALLOCD_INVALID, 1},
	{"free twice", FREE, {0, 0}, {1, 1}, 2, 2, PALLOCD_NOT_ALLOCATED, 1},
	{"free overlapping", FREE, {4, 0}, {1, 5}, 2, 2, PALLOCD_NOT_ALLOCATED, 1},
	{"foreign", FREE, {0, 10}, {1, 1}, 2, 2, PALLOCD_NOT_OWNER, 1},
	{"own and foreign", FREE, {5}, {6}, 1, 1, PALLOCD_NOT_OWNER, 0},
	{"nobody's", FREE, {4095}, {1}, 1, 1, PALLOCD_NOT_ALLOCATED, 0},
	{"not grown", FREE, {0, 5000}, {1, 1}, 2, 2, PALLOCD_NOT_ALLOCATED, 1},
	{"behind the end", FREE, {0, 8192}, {1, 1}, 2, 2, PALLOCD_OUT_OF_REGION, 1},
	{"over the end", FREE, {0}, {8193}, 1, 1, PALLOCD_OUT_OF_REGION, 0},
	{"overflow", FREE, {0}, {UINT64_MAX}, 1, 1, PALLOCD_OUT_OF_REGION, 0},
	{"below", FREE_RAW, {0}, {1}, 1, 1, PALLOCD_OUT_OF_REGION, 0},
	{"above", FREE_RAW, {UINT64_MAX}, {1}, 1, 1, PALLOCD_OUT_OF_REGION, 0},
	{"unaligned", FREE_RAW, {BASE, BASE + 4097}, {1, 1}, 2, 2, PALLOCD_UNALIGNED, 1},
	{"grow by 0", GROW, {0}, {0}, 1, 0, PALLOCD_INVALID, 0},
	{"grow too far", GROW, {4097}, {0}, 1, 0, PALLOCD_LIMIT, 0},
	{"grow absurdly", GROW, {UINT64_MAX}, {0}, 1, 0, PALLOCD_LIMIT, 0},
	{"map elsewhere", MAP, {1}, {1}, 1, 1, PALLOCD_OUT_OF_REGION, 0},
	{"map unaligned", MAP, {BASE + 1}, {1}, 1, 1, PALLOCD_UNALIGNED, 0},
	{"map too far", MAP, {BASE}, {8193}, 1, 1, PALLOCD_OUT_OF_REGION, 0},
	{"grow within", GROW_AT, {512}, {512}, 0, 0, PALLOCD_INVALID, 0},
	{"grow within a chunk", GROW_AT, {4097}, {512}, 0, 0, PALLOCD_INVALID, 0},
	{"grow unaligned", GROW_AT, {4096}, {512, 1}, 0, 0, PALLOCD_UNALIGNED, 0},
	{"grow behind the end", GROW_AT, {8192}, {512}, 0, 0, PALLOCD_OUT_OF_REGION, 0},
	{"scatter several", SCATTER, {1, 2, 1}, {0}, 2, 0, PALLOCD_INVALID, 0},
	{"scatter at an address", SCATTER, {1, 2}, {1}, 1, 0, PALLOCD_INVALID, 0},
	{"scatter 0 pages", SCATTER, {0, 2}, {0}, 1, 0, PALLOCD_INVALID, 0},
	{"scatter too wide", SCATTER, {1, 3073}, {0}, 1, 0, PALLOCD_LIMIT, 0},
	{"scatter too much", SCATTER, {4096, 3072}, {0}, 1, 0, PALLOCD_NO_SPACE, 0},
	{"a strategy that is none", STRATEGY, {1, 3}, {0}, 1, 0, PALLOCD_INVALID, 0},
	{"best fit without its index", STRATEGY, {1, 2}, {0}, 1, 0, PALLOCD_INVALID, 0},
	{"how many fit of nothing", FIT, {0}, {0}, 0, 0, PALLOCD_INVALID, 0},
	{"how many fit of too much", FIT, {0}, {8193}, 0, 0, PALLOCD_LIMIT, 0},
	{"resize to 0", RESIZE, {0}, {0}, 0, 0, PALLOCD_INVALID, 0},
	{"resize at no edge", RESIZE, {0, 2}, {5}, 0, 0, PALLOCD_INVALID, 0},
	{"resize from inside", RESIZE, {3}, {5}, 0, 0, PALLOCD_INVALID, 0},
	{"resize unaligned", RESIZE, {0}, {5, 1}, 0, 0, PALLOCD_UNALIGNED, 0},
	{"resize foreign", RESIZE, {10}, {5}, 0, 0, PALLOCD_NOT_OWNER, 0},
	{"resize nobody's", RESIZE, {4095}, {1}, 0, 0, PALLOCD_NOT_ALLOCATED, 0},
	{"resize into foreign", RESIZE, {0}, {11}, 0, 0, PALLOCD_NOT_FREE, 0},
	{"resize below the region", RESIZE, {0, 1}, {11}, 0, 0, PALLOCD_OUT_OF_REGION, 0},
	{"resize over the end", RESIZE, {0}, {8193}, 0, 0, PALLOCD_OUT_OF_REGION, 0},
	{"resize absurdly", RESIZE, {0}, {UINT64_MAX}, 0, 0, PALLOCD_OUT_OF_REGION, 0},
	{"split at a beginning", SPLIT, {0}, {0}, 0, 0, PALLOCD_INVALID, 0},
	{"split unaligned", SPLIT, {1}, {0, 1}, 0, 0, PALLOCD_UNALIGNED, 0},
	{"split foreign", SPLIT, {12}, {0}, 0, 0, PALLOCD_NOT_OWNER, 0},
	{"split nobody's", SPLIT, {4095}, {0}, 0, 0, PALLOCD_NOT_ALLOCATED, 0},
	{"split elsewhere", SPLIT, {8192}, {0}, 0, 0, PALLOCD_OUT_OF_REGION, 0},
	{"join 0 pages", JOIN, {0}, {0}, 0, 0, PALLOCD_INVALID, 0},
	{"join a part", JOIN, {0}, {5}, 0, 0, PALLOCD_INVALID, 0},
	{"join own and foreign", JOIN, {0}, {20}, 0, 0, PALLOCD_NOT_OWNER, 0},
	{"join absurdly", JOIN, {0}, {UINT64_MAX}, 0, 0, PALLOCD_OUT_OF_REGION, 0},
	{"shrink by 0", SHRINK, {0}, {0}, 0, 0, PALLOCD_INVALID, 0},
	{"shrink by part of a chunk", SHRINK, {1}, {512}, 0, 0, PALLOCD_INVALID, 0},
	{"shrink what is not there", SHRINK, {4096}, {512}, 0, 0, PALLOCD_INVALID, 0},
	{"shrink what is in use", SHRINK, {0}, {512}, 0, 0, PALLOCD_IN_USE, 0},
	{"shrink over the end", SHRINK, {4096}, {4097}, 0, 0, PALLOCD_OUT_OF_REGION, 0},
	{"drain 0 pages", DRAIN, {0}, {0}, 0, 0, PALLOCD_INVALID, 0},
	{"undrain what is not drained", DRAIN, {0, 1}, {1}, 0, 0, PALLOCD_INVALID, 0},
	{"drain unaligned", DRAIN, {0}, {1, 1}, 0, 0, PALLOCD_UNALIGNED, 0},
	{"drain absurdly", DRAIN, {0}, {UINT64_MAX}, 0, 0, PALLOCD_OUT_OF_REGION, 0},
	{"reserve 0 pages", RESERVE, {0}, {0}, 0, 0, PALLOCD_INVALID, 0},
	{"reserve what is in use", RESERVE, {0}, {1}, 0, 0, PALLOCD_IN_USE, 0},
	{"reserve foreign", RESERVE, {15}, {1}, 0, 0, PALLOCD_IN_USE, 0},
	{"unreserve what is not reserved", RESERVE, {4095, 1}, {1}, 0, 0, PALLOCD_INVALID, 0},
	{"reserve behind the end", RESERVE, {8192}, {1}, 0, 0, PALLOCD_OUT_OF_REGION, 0},
};

static Reply *placed_call(const struct refusal_case *c)
{
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;

	p.addr = BASE + 4095 * 4096;
	if (c->kind == STRATEGY) {
		p.strategy = (Pallocd__V1__Strategy)c->a[1];
	} else {
		p.rule = (Pallocd__V1__Rule)c->b[0];
		a.scatter_extents = (uint32_t)c->a[1];
	}
	a.region_id = 1;
	a.npages = (uint64_t[]){c->a[0], c->a[2]};
	a.n_npages = c->na;
	a.placement = &p;
	return wire_call(fd, &REQUEST(9, ALLOC, alloc, &a));
}

/* All verbs with an address and a number of pages. */
static Reply *range_call(const struct refusal_case *c)
{
	Pallocd__V1__Grow grow = PALLOCD__V1__GROW__INIT;
	Pallocd__V1__Resize resize = PALLOCD__V1__RESIZE__INIT;
	Pallocd__V1__Split split = PALLOCD__V1__SPLIT__INIT;
	Pallocd__V1__Join join = PALLOCD__V1__JOIN__INIT;
	Pallocd__V1__Shrink shrink = PALLOCD__V1__SHRINK__INIT;
	Pallocd__V1__Drain drain = PALLOCD__V1__DRAIN__INIT;
	Pallocd__V1__Reserve reserve = PALLOCD__V1__RESERVE__INIT;

	grow.region_id = resize.region_id = split.region_id = join.region_id = 1;
	shrink.region_id = drain.region_id = reserve.region_id = 1;
	grow.addr = resize.addr = split.addr = join.addr = shrink.addr = drain.addr = reserve.addr =
		BASE + c->a[0] * 4096 + c->b[1];
	grow.npages = resize.npages = join.npages = shrink.npages = drain.npages = reserve.npages =
		c->b[0];
	resize.edge = (Pallocd__V1__Edge)c->a[1];
	drain.undo = reserve.undo = c->a[1] != 0;
	switch (c->kind) {
	case GROW_AT:
		return wire_call(fd, &REQUEST(9, GROW, grow, &grow));
	case RESIZE:
		return wire_call(fd, &REQUEST(9, RESIZE, resize, &resize));
	case SPLIT:
		return wire_call(fd, &REQUEST(9, SPLIT, split, &split));
	case JOIN:
		return wire_call(fd, &REQUEST(9, JOIN, join, &join));
	case SHRINK:
		return wire_call(fd, &REQUEST(9, SHRINK, shrink, &shrink));
	case DRAIN:
		return wire_call(fd, &REQUEST(9, DRAIN, drain, &drain));
	default:
		return wire_call(fd, &REQUEST(9, RESERVE, reserve, &reserve));
	}
}

static Reply *case_call(const struct refusal_case *c)
{
	Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__Free f = PALLOCD__V1__FREE__INIT;
	Pallocd__V1__Grow g = PALLOCD__V1__GROW__INIT;
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;
	Pallocd__V1__Fit fit = PALLOCD__V1__FIT__INIT;
	uint64_t first[3], second[3];

	for (int i = 0; i < 3; i++) {
		first[i] = c->kind == FREE ? BASE + c->a[i] * 4096 : c->a[i];
		second[i] = c->b[i];
	}
	a.region_id = f.region_id = g.region_id = m.region_id = fit.region_id = 1;
	switch (c->kind) {
	case ALLOC:
		a.npages = first;
		a.n_npages = c->na;
		return wire_call(fd, &REQUEST(9, ALLOC, alloc, &a));
	case FREE:
	case FREE_RAW:
		f.addr = first;
		f.n_addr = c->na;
		f.npages = second;
		f.n_npages = c->nb;
		return wire_call(fd, &REQUEST(9, FREE, free, &f));
	case GROW:
		g.npages = first[0];
		return wire_call(fd, &REQUEST(9, GROW, grow, &g));
	case MAP:
		m.addr = first[0];
		m.npages = second[0];
		return wire_call(fd, &REQUEST(9, MAP, map, &m));
	case FIT:
		fit.npages = second[0];
		return wire_call(fd, &REQUEST(9, FIT, fit, &fit));
	case SCATTER:
	case STRATEGY:
		return placed_call(c);
	default:
		return range_call(c);
	}
}

START_TEST(refused_requests_change_nothing)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Reply *reply;

		if (geteuid() != 0 && cases[i].status == PALLOCD_NOT_OWNER) {
			printf("skipped without root: %s\n", cases[i].name);
			continue;
		}
		reply = case_call(&cases[i]);
		ck_assert_msg((unsigned)reply->status == cases[i].status, "%s: wanted %s, got %s",
			      cases[i].name, pallocd_status_name(cases[i].status),
			      pallocd_status_name((unsigned)reply->status));
		ck_assert_msg(reply->refusal && strlen(reply->message) > 10, "%s: no explanation",
			      cases[i].name);
		ck_assert_msg(reply->refusal->index == cases[i].index,
			      "%s: wanted entry %u, got %u", cases[i].name, cases[i].index,
			      reply->refusal->index);
		wire_done(reply);
	}
}
END_TEST

/* What no Request can be, and what is one at first and then is not. */
static const struct frame_case {
	const char *name;
	uint8_t bytes[16];
	size_t n;
	unsigned status; /* 0: no reply, the connection is cut from our side */
} frames[] = {
	{"empty", {0, 0, 0, 0}, 4, PALLOCD_FRAME_TOO_LONG},
	{"a byte too long", {1, 0, 1, 0}, 4, PALLOCD_FRAME_TOO_LONG},
	{"absurdly long", {0xff, 0xff, 0xff, 0xff}, 4, PALLOCD_FRAME_TOO_LONG},
	{"another protocol", {'G', 'E', 'T', ' ', '/', '\r', '\n'}, 7, PALLOCD_FRAME_TOO_LONG},
	{"wire type 7", {1, 0, 0, 0, 0x0f}, 5, PALLOCD_MALFORMED},
	{"endless number", {3, 0, 0, 0, 0x08, 0xff, 0xff}, 7, PALLOCD_MALFORMED},
	{"message beyond the frame", {3, 0, 0, 0, 0x2a, 0x7f, 0x08}, 7, PALLOCD_MALFORMED},
	{"wrong type of a verb", {2, 0, 0, 0, 0x28, 0x01}, 6, PALLOCD_MALFORMED},
	{"half a length", {5, 0}, 2, 0},
	{"half a message", {200, 0, 0, 0, 0x2a, 0x70}, 6, 0},
};

START_TEST(bad_frames_end_their_connection_only)
{
	for (size_t i = 0; i < 20 * sizeof(frames) / sizeof(frames[0]); i++) {
		const struct frame_case *c = &frames[i / 20];
		uint64_t addr;
		Reply *reply;
		int bad = i % 2 ? wire_open(d.path) : wire_connect(d.path);

		/* With a session that holds something, and before Hello. */
		if (i % 2)
			ck_assert_uint_eq(wire_alloc(bad, 3, 0, &addr), PALLOCD_OK);
		wire_send(bad, c->bytes, c->n);
		if (c->status) {
			reply = wire_reply(bad);
			ck_assert_msg(
				reply && (unsigned)reply->status == c->status,
				"%s: wanted %s, got %s", c->name, pallocd_status_name(c->status),
				reply ? pallocd_status_name((unsigned)reply->status) : "nothing");
			ck_assert_uint_eq(reply->id, 0);
			wire_done(reply);
			wire_assert_end(bad);
		}
		close(bad);
	}
}
END_TEST

/* Random bytes in frames of the right length: whatever they mean, others must not notice. */
START_TEST(garbage_hurts_nobody)
{
	struct random rnd;

	random_init(&rnd, "garbage_hurts_nobody");
	for (int i = 0; i < 3000; i++) {
		uint8_t bytes[4 + 40] = {0};
		size_t n = 1 + random_below(&rnd, 40);
		int bad = wire_connect(d.path);
		Reply *reply;

		bytes[0] = (uint8_t)n;
		for (size_t k = 0; k < n; k++)
			bytes[4 + k] = (uint8_t)random_below(&rnd, 256);
		wire_send(bad, bytes, n + 4);
		reply = wire_reply(bad);
		ck_assert_msg(reply && reply->status, "garbage without Hello is served");
		wire_done(reply);
		close(bad);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("refusals");
	TCase *tc = tcase_create("refusals");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, refused_requests_change_nothing);
	tcase_add_test(tc, bad_frames_end_their_connection_only);
	tcase_add_test(tc, garbage_hurts_nobody);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
