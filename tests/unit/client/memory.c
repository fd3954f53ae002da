/*
 * memory - the n-th taking of memory fails; and the steady state takes none
 *
 * Role:       out of memory is a status, nothing leaks or breaks; H4 of client/lib/handle.h.
 * Uses:       client/lib with the heap's functions wrapped by the linker, fake daemon, check
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/client/behind.h"
#include "tests/unit/client/jobs.h"
#include "tests/unit/client/run.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__real_mmap(void *p, size_t size, int prot, int flags, int fd, off_t at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void *__wrap_mmap(void *p, size_t size, int prot, int flags, int fd, off_t at);

/* Only the test's own thread is watched; the fake daemon's is not. */
static _Thread_local bool watched;
static unsigned long ntaken;
static unsigned long nleft;

static bool taken(void)
{
	if (!watched)
		return true;
	ntaken++;
	return nleft && nleft--;
}

void *__wrap_malloc(size_t size)
{
	return taken() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return taken() ? __real_calloc(n, size) : NULL;
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return taken() ? __real_reallocarray(p, n, size) : NULL;
}

void *__wrap_mmap(void *p, size_t size, int prot, int flags, int fd, off_t at)
{
	if (taken())
		return __real_mmap(p, size, prot, flags, fd, at);
	errno = ENOMEM;
	return MAP_FAILED;
}

static int show_nothing(const struct paclient_extent *extent, void *ctx)
{
	(void)extent;
	(void)ctx;
	return 0;
}

/* The lists of owners' things. Return: the first status that is not 0. */
static int story_of_owners(paclient *c, struct paclient_call *call)
{
	struct paclient_extent extent = {.size = sizeof(extent)};
	struct paclient_session_list *sessions;
	struct paclient_extent_list *extents;
	struct paclient_quota_list *quotas;
	int status = paclient_sessions(c, 0, &sessions, call);

	if (status)
		return status;
	paclient_sessions_free(sessions);
	status = paclient_quotas(c, 0, &quotas, call);
	if (status)
		return status;
	paclient_quotas_free(quotas);
	status = paclient_list(c, 3, NULL, &extents, call);
	if (status)
		return status;
	paclient_extents_free(extents);
	status = paclient_list_each(c, 3, NULL, show_nothing, NULL, call);
	return status ? status : paclient_extent_info(c, 3, 0x2000, &extent, call);
}

/* What is tried: open, list, info, ranges of all kinds, map, close. Return: the first status that is not 0. */
static int story(struct fake *f, struct paclient_call *call)
{
	struct paclient_region info = {.size = sizeof(info)};
	struct paclient_region_list *list;
	struct paclient_range_list *ranges;
	struct paclient_usage *usage;
	paclient *c;
	int status = paclient_open(f->path, NULL, &c, call);

	if (status)
		return status;
	status = paclient_regions(c, &list, call);
	if (!status)
		paclient_regions_free(list);
	if (!status)
		status = paclient_region_info(c, 3, &info, call);
	if (!status)
		status = paclient_region_ranges(c, 3, &ranges, call);
	if (!status) {
		paclient_ranges_free(ranges);
		status = paclient_region_reserved(c, 3, &ranges, call);
	}
	if (!status) {
		paclient_ranges_free(ranges);
		status = paclient_region_drained(c, 3, &ranges, call);
	}
	if (!status) {
		paclient_ranges_free(ranges);
		status = paclient_usage_map(c, 3, 0, 0, 4096, &usage, call);
	}
	if (!status) {
		paclient_usage_free(usage);
		status = story_of_owners(c, call);
	}
	/* A call that found no memory leaves the handle in order. */
	if (status) {
		nleft = ULONG_MAX;
		watched = false;
		ck_assert_int_eq(paclient_region_info(c, 3, &info, NULL), 0);
	}
	paclient_close(c);
	return status;
}

START_TEST(every_taking_fails_once)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	unsigned long n = 0;
	struct fake f;
	int status;

	fake_start(&f, fake_serve, NULL);
	f.nlisted = 1200;
	do {
		nleft = n++;
		watched = true;
		status = story(&f, &call);
		watched = false;
		ck_assert_msg(!status || status == PACLIENT_OUT_OF_MEMORY, "%lu: %s", n,
			      call.error.message);
	} while (status);
	/* One mapping, five regions in three replies, a list of each kind; a bag of five sessions grows twice. */
	ck_assert_uint_ge(n, 30);
	fake_stop(&f);
}
END_TEST

START_TEST(steady_state_takes_none)
{
	struct paclient_region_stat stat = {.size = sizeof(stat)};
	struct paclient_drain drain = {.size = sizeof(drain)};
	struct paclient_free_runs runs = {.size = sizeof(runs)};
	struct paclient_extent extent = {.size = sizeof(extent)};
	struct paclient_freed freed = {.size = sizeof(freed)};
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;
	struct paclient_range ranges[64];
	uint64_t npages[64], addrs[64];
	size_t n;
	struct fake f;
	paclient *c;

	for (int i = 0; i < 64; i++)
		npages[i] = 1;
	o.label = "label";
	o.wait_ms = 1;
	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 5000);
	nleft = ULONG_MAX;
	ntaken = 0;
	for (int i = 0; i < 200; i++) {
		int status[12];

		watched = true;
		status[0] = paclient_alloc_batch(c, 3, 64, npages, 0, addrs, NULL);
		status[1] = paclient_free_batch(c, 3, 64, addrs, npages, NULL);
		status[2] = paclient_alloc(c, 3, 1001, 0, addrs, NULL);
		status[3] = paclient_stat_region(c, 3, &stat, NULL);
		status[4] = paclient_alloc_scattered(c, 3, 640, 64, 0, NULL, ranges, &n, NULL);
		status[5] = paclient_drain(c, 3, 0x1000, 64, &drain, NULL);
		status[6] = paclient_free_runs(c, 3, &runs, NULL);
		status[7] = paclient_reserve(c, 3, 0x1000, 2, NULL);
		status[8] = paclient_alloc_with(c, 3, 64, npages, &o, addrs, NULL);
		status[9] = paclient_free_with(c, 3, 64, addrs, npages, &freed, NULL);
		status[10] = paclient_share_name(c, 3, "name", &extent, NULL);
		status[11] = paclient_release(c, 3, extent.addr, NULL, NULL, NULL);
		watched = false;
		ck_assert(!status[0] && !status[1] && status[2] == PACLIENT_NO_SPACE && !status[3]);
		ck_assert(!status[4] && !status[5] && !status[6] && status[7] == PACLIENT_IN_USE);
		ck_assert(!status[8] && !status[9] && !status[10] && !status[11]);
	}
	ck_assert_uint_eq(ntaken, 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Many empty regions: few bytes that become more structs than the arena holds. */
static void serve_many_regions(struct fake *f, int fd)
{
	static Pallocd__V1__Region regions[3000], *pointers[3000];
	Pallocd__V1__Request *q;

	fake_hello(fd);
	for (uint32_t i = 0; i < 3000; i++) {
		pallocd__v1__region__init(&regions[i]);
		regions[i].id = i + 1;
		pointers[i] = &regions[i];
	}
	q = fake_read(fd);
	while (q && q->verb_case == PALLOCD__V1__REQUEST__VERB_LIST_REGIONS) {
		Pallocd__V1__ListRegionsReply l = PALLOCD__V1__LIST_REGIONS_REPLY__INIT;
		Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

		reply.id = q->id;
		pallocd__v1__request__free_unpacked(q, NULL);
		l.regions = pointers;
		l.n_regions = 3000;
		reply.result_case = PALLOCD__V1__REPLY__RESULT_LIST_REGIONS;
		reply.list_regions = &l;
		fake_send(fd, &reply);
		q = fake_read(fd);
	}
	(void)f;
}

START_TEST(reply_larger_than_the_arena)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct paclient_region_list *list;
	struct fake f;
	paclient *c;
	int status;

	fake_start(&f, serve_many_regions, NULL);
	c = fake_open(&f, 5000);
	for (unsigned long n = 0; n < 40; n++) {
		nleft = n;
		watched = true;
		status = paclient_regions(c, &list, &call);
		watched = false;
		ck_assert_msg(status == PACLIENT_OUT_OF_MEMORY, "%lu: %s", n, call.error.message);
	}
	ck_assert_int_eq(paclient_regions(c, &list, &call), 0);
	ck_assert_uint_eq(list->nregions, 3000);
	paclient_regions_free(list);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

static void serve_pause(struct fake *f, int fd)
{
	fake_hello(fd);
	usleep(100000);
	fake_serve(f, fd);
}

/* No memory for the note about a late reply: the handle goes on all the same. */
START_TEST(late_without_memory)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct paclient_range ranges[8];
	struct fake f;
	uint64_t addr;
	int status[3];
	paclient *c;
	size_t n;

	fake_start(&f, serve_pause, NULL);
	c = fake_open(&f, 5000);
	call.timeout_ms = 20;
	nleft = 0;
	watched = true;
	status[0] = paclient_alloc(c, 3, 1, 0, &addr, &call);
	status[2] = paclient_alloc_scattered(c, 3, 1, 8, 0, NULL, ranges, &n, &call);
	call.timeout_ms = 0;
	status[1] = paclient_alloc(c, 3, 1, 0, &addr, &call);
	watched = false;
	ck_assert_int_eq(status[0], PACLIENT_TIMED_OUT);
	ck_assert_int_eq(status[2], PACLIENT_TIMED_OUT);
	ck_assert_int_eq(status[1], 0);
	ck_assert_uint_eq(addr, 0x13000);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* More extents than the arena holds, and than were asked for: without memory nobody reads it. */
static void serve_late_and_large(struct fake *f, int fd)
{
	static uint64_t ones[6000];
	Pallocd__V1__AllocReply a = PALLOCD__V1__ALLOC_REPLY__INIT;
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	for (size_t i = 0; i < 6000; i++)
		ones[i] = 1;
	fake_hello(fd);
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	usleep(100000);
	a.addr = a.npages = ones;
	a.n_addr = a.n_npages = 6000;
	reply.id = 2;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_ALLOC;
	reply.alloc = &a;
	fake_send(fd, &reply);
	fake_serve(f, fd);
}

START_TEST(late_and_unread)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct paclient_range ranges[8];
	int status[2], want;
	struct fake f;
	paclient *c;
	size_t n;

	fake_start(&f, serve_late_and_large, NULL);
	/* With memory it is read, and makes no sense. */
	for (int memory = 0; memory < 2; memory++) {
		want = memory ? PACLIENT_PROTOCOL : 0;
		c = fake_open(&f, 5000);
		call.timeout_ms = 20;
		status[0] = paclient_alloc_scattered(c, 3, 6, 8, 0, NULL, ranges, &n, &call);
		call.timeout_ms = 0;
		nleft = memory ? ULONG_MAX : 0;
		watched = true;
		status[1] = paclient_grow(c, 3, 1, NULL, &call);
		watched = false;
		ck_assert_int_eq(status[0], PACLIENT_TIMED_OUT);
		ck_assert_int_eq(status[1], want);
		paclient_close(c);
	}
	fake_stop(&f);
}
END_TEST

/* A frame of as many events as are usual, then one of many empty ones: few bytes that do not fit the arena. */
static void serve_events(struct fake *f, int fd)
{
	static Pallocd__V1__Event events[4000], *pointers[4000];
	Pallocd__V1__Events list = PALLOCD__V1__EVENTS__INIT;
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__Request *q;
	uint8_t answer[64];

	fake_hello(fd);
	q = fake_read(fd);
	if (!q)
		return;
	fake_write(fd, answer, fake_answer(f, q, answer));
	pallocd__v1__request__free_unpacked(q, NULL);
	for (int i = 0; i < 4000; i++) {
		pallocd__v1__event__init(&events[i]);
		pointers[i] = &events[i];
	}
	reply.id = 2;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_EVENTS;
	reply.events = &list;
	list.events = pointers;
	list.n_events = PALLOCD_EVENTS_MAX;
	fake_send(fd, &reply);
	list.n_events = 4000;
	list.lost = 1;
	fake_send(fd, &reply);
	fake_read(fd);
}

/* With so many takings of memory. Return: events that came before @want did. */
static unsigned events_until(paclient_watch *w, unsigned long ntakings, int want)
{
	struct paclient_event event = {.size = sizeof(event)};
	unsigned n = 0;
	int status;

	nleft = ntakings;
	watched = true;
	while (!(status = paclient_watch_next(w, &event, 300, NULL)))
		n++;
	watched = false;
	ck_assert_int_eq(status, want);
	return n;
}

START_TEST(watch_without_memory)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	paclient_watch *w;
	unsigned long n;
	struct fake f;
	int status;

	fake_start(&f, serve_events, NULL);
	for (n = 0;; n++) {
		nleft = n;
		watched = true;
		status = paclient_watch_open(f.path, NULL, NULL, &w, &call);
		watched = false;
		if (!status)
			break;
		ck_assert_int_eq(status, PACLIENT_OUT_OF_MEMORY);
	}
	/* The watch, its request and the handle's mapping. */
	ck_assert_uint_eq(n, 3);
	/* The usual frame needs none; the other one is not lost for want of it. */
	ck_assert_uint_eq(events_until(w, 0, PACLIENT_OUT_OF_MEMORY), PALLOCD_EVENTS_MAX);
	for (n = 0; n < 40; n++)
		ck_assert_uint_eq(events_until(w, n, PACLIENT_OUT_OF_MEMORY), 0);
	ck_assert_uint_eq(events_until(w, ULONG_MAX, PACLIENT_TIMED_OUT), 4000);
	paclient_watch_close(w);
	fake_stop(&f);
}
END_TEST

/* The note of what is attached, the mapping: whatever is missing, nothing is kept and the next one works. */
START_TEST(map_without_memory)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct behind behind;
	unsigned long n = 0;
	struct fake f;
	void *memory;
	paclient *c;
	int status;

	behind_init(&behind);
	fake_start(&f, behind_serve, &behind);
	for (unsigned flags = 0; flags < 4; flags++) {
		unsigned nfds;

		c = fake_open(&f, 5000);
		nfds = nopen();
		for (n = 0;; n++) {
			nleft = n;
			watched = true;
			status = paclient_map(c, 1, BEHIND_BASE, 1, flags, &memory, &call);
			watched = false;
			if (!status)
				break;
			ck_assert_int_eq(status, PACLIENT_OUT_OF_MEMORY);
			ck_assert_uint_eq(nopen(), nfds + (n ? 1 : 0));
		}
		/* What has been attached by then stays so: one taking less each time. */
		ck_assert_uint_ge(n, 1);
		ck_assert_uint_eq(nopen(), nfds + 1);
		ck_assert_int_eq(paclient_unmap(c, 1, memory, 1, &call), 0);
		paclient_close(c);
	}
	fake_stop(&f);
	behind_deinit(&behind);
}
END_TEST

/* Two that go on and one that is cancelled, with so many takings of memory. Return: all of them were submitted. */
static bool story_of_submitted(paclient *c, struct job *jobs, unsigned long ntakings)
{
	struct paclient_extent extent = {.size = sizeof(extent)};
	struct pollfd p = {.fd = fd_of(c), .events = POLLIN};
	unsigned npending = 0;
	int status[3];

	nleft = ntakings;
	watched = true;
	status[0] = paclient_alloc(c, 3, 1, 0, &jobs[0].addr, &jobs[0].call);
	status[1] = paclient_lookup(c, 3, "name", &extent, &jobs[1].call);
	status[2] = paclient_alloc(c, 3, 1, 0, &jobs[2].addr, &jobs[2].call);
	if (status[2] == PACLIENT_PENDING)
		status[2] = paclient_cancel(c, &jobs[2].call) ? -1 : PACLIENT_PENDING;
	for (int i = 0; i < 3; i++)
		npending += status[i] == PACLIENT_PENDING;
	while (ndone < npending && poll(&p, 1, 20000) == 1)
		(void)paclient_process(c);
	watched = false;
	ck_assert_uint_eq(ndone, npending);
	for (int i = 0; i < 3; i++) {
		bool pending = status[i] == PACLIENT_PENDING;

		ck_assert_uint_eq(jobs[i].ndone, pending);
		ck_assert_ptr_null(jobs[i].call.op);
		ck_assert_int_eq(jobs[i].call.error.status, !pending ? PACLIENT_OUT_OF_MEMORY
							    : i == 2 ? PACLIENT_CANCELLED
								     : 0);
		if (!pending)
			ck_assert_int_eq(status[i], PACLIENT_OUT_OF_MEMORY);
	}
	return npending == 3;
}

/* Each taking of memory fails in turn: the call is refused, or done all the same, and the handle goes on. */
START_TEST(submitted_without_memory)
{
	unsigned long n = 0;
	bool all = false;
	struct fake f;

	fake_start(&f, fake_serve, NULL);
	for (; !all || ntaken > n - 1; n++) {
		paclient *c = fake_open(&f, 5000);
		struct job *jobs = jobs_new(3);
		uint64_t addr;

		ntaken = 0;
		all = story_of_submitted(c, jobs, n);
		nleft = ULONG_MAX;
		jobs[0].ndone = 0;
		ndone = 0;
		submit(c, &jobs[0]);
		loop_until(c, 1);
		assert_all(jobs, 1, 0);
		ck_assert_int_eq(paclient_alloc(c, 3, 1, 0, &addr, NULL), 0);
		ck_assert_uint_eq(addr, jobs[0].addr + 4096);
		paclient_close(c);
		free(jobs);
	}
	/* Three calls, and the note of the one that is cancelled. */
	ck_assert_uint_eq(ntaken, 4);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_memory");

	run_add(s, "every_taking_fails_once", every_taking_fails_once);
	run_add(s, "steady_state_takes_none", steady_state_takes_none);
	run_add(s, "reply_larger_than_the_arena", reply_larger_than_the_arena);
	run_add(s, "late_without_memory", late_without_memory);
	run_add(s, "late_and_unread", late_and_unread);
	run_add(s, "submitted_without_memory", submitted_without_memory);
	run_add(s, "watch_without_memory", watch_without_memory);
	run_add(s, "map_without_memory", map_without_memory);
	return suite_run(s);
}
