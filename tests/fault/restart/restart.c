/*
 * restart - the daemon is started again by a service manager, and nobody notices
 *
 * Role:       what comes back: sessions and extents, memory that the manager keeps, regions whose configuration has changed; how long it takes with
 *             many extents. `fault_restart N` has N of them.
 * Uses:       libpaclient, check, manager.h
 */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <paclient.h>
#include <paclient/memory.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/fault/restart/manager.h"

#define PAGE 4096u
#define RESTARTS 20

#ifdef PALLOCD_SANITIZED
static uint64_t nextents = 20000;
#else
static uint64_t nextents = 100000;
#endif
static struct manager m;

static void setup(void)
{
	manager_open(&m);
}

static void teardown(void)
{
	manager_close(&m);
}

#define START(...) start((const char *const[]){__VA_ARGS__, NULL})

static void start(const char *const *args)
{
	manager_start(&m, args);
	if (!m.ready)
		manager_log(&m);
	ck_assert_msg(m.ready, "pallocd is not ready");
}

static void stop(void)
{
	int status = manager_end(&m, SIGTERM);

	ck_assert_msg(status == 0, "pallocd ends with %#x", (unsigned)status);
	ck_assert(m.stopping);
}

static paclient *connect_to(const char *socket)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	struct paclient_call call = PACLIENT_CALL_INIT;
	paclient *client;

	o.timeout_ms = 60000;
	ck_assert_msg(paclient_open(socket, &o, &client, &call) == 0, "%s", call.error.message);
	return client;
}

static uint32_t region(paclient *client, const char *name)
{
	uint32_t id;

	ck_assert_int_eq(paclient_region_open(client, name, &id, NULL), 0);
	return id;
}

static uint64_t take(paclient *client, uint32_t id, uint64_t npages)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	uint64_t addr;

	ck_assert_msg(paclient_alloc(client, id, npages, 0, &addr, &call) == 0, "%s",
		      call.error.message);
	return addr;
}

static uint64_t count(paclient *client, uint32_t id)
{
	struct paclient_region_stat stat = {.size = sizeof(stat)};
	struct paclient_call call = PACLIENT_CALL_INIT;

	ck_assert_msg(paclient_stat_region(client, id, &stat, &call) == 0, "%s",
		      call.error.message);
	return stat.nextents;
}

static int end_by(int signum)
{
	int status = manager_end(&m, signum);

	if (signum == SIGTERM)
		ck_assert_int_eq(status, 0);
	return status;
}

/* By a stop in order, and by kill -9. */
START_TEST(memory_comes_back_with_what_is_in_it)
{
	const int signum = _i ? SIGKILL : SIGTERM;
	paclient *client;
	uint64_t addr;
	void *memory;
	uint32_t id;

	START("--region", "a,limit=1M,auto-grow=1M,backing=memfd");
	ck_assert_uint_eq(m.nstored, 1);
	ck_assert_str_eq(m.stored[0].name, "memory-1-a");
	ck_assert_uint_gt(m.nbarriers, 0);
	client = connect_to(m.socket);
	id = region(client, "a");
	addr = take(client, id, 2);
	ck_assert_int_eq(paclient_map(client, id, addr, 2, PACLIENT_WRITE, &memory, NULL), 0);
	strcpy(memory, "what was written before");
	end_by(signum);
	START("--region", "a,limit=1M,auto-grow=1M,backing=memfd");
	ck_assert_uint_eq(m.nstored, 1);
	ck_assert_uint_eq(count(client, id), 1);
	ck_assert_uint_eq(take(client, id, 1), addr + 2 * PAGE);
	/* The same memory, not a copy: who attaches now sees what the first one writes. */
	{
		paclient *other = connect_to(m.socket);
		void *seen;

		ck_assert_int_eq(paclient_map(other, id, addr, 2, 0, &seen, NULL), 0);
		ck_assert_str_eq(seen, "what was written before");
		strcpy(memory, "what was written after");
		ck_assert_str_eq(seen, "what was written after");
		paclient_close(other);
	}
	paclient_close(client);
	stop();
}
END_TEST

START_TEST(memory_that_does_not_come_back_voids_what_was_in_it)
{
	struct paclient_region info = {.size = sizeof(info)};
	paclient *client;
	uint64_t addr;
	uint32_t id;

	START("--region", "a,limit=1M,auto-grow=1M,backing=memfd", "--region",
	      "b,limit=1M,auto-grow=1M");
	client = connect_to(m.socket);
	id = region(client, "a");
	take(client, id, 2);
	take(client, region(client, "b"), 3);
	stop();
	manager_forget(&m);
	START("--region", "a,limit=1M,auto-grow=1M,backing=memfd", "--region",
	      "b,limit=1M,auto-grow=1M");
	ck_assert(manager_said(&m, "region a: its memory of before has not come back"));
	ck_assert_uint_eq(m.nstored, 1);
	ck_assert_str_eq(m.stored[0].name, "memory-2-a");
	ck_assert_int_eq(paclient_alloc(client, id, 1, 0, &addr, NULL), PACLIENT_STALE);
	ck_assert_uint_eq(count(client, region(client, "b")), 1);
	id = region(client, "a");
	ck_assert_uint_eq(count(client, id), 0);
	ck_assert_int_eq(paclient_region_info(client, id, &info, NULL), 0);
	ck_assert_uint_eq(info.generation, 2);
	take(client, id, 1);
	/* And this one comes back. */
	end_by(SIGKILL);
	START("--region", "a,limit=1M,auto-grow=1M,backing=memfd", "--region",
	      "b,limit=1M,auto-grow=1M");
	ck_assert_uint_eq(count(client, id), 1);
	paclient_close(client);
	stop();
}
END_TEST

static const char *names(paclient *client)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct paclient_region_list *list;
	static char text[64];

	ck_assert_msg(paclient_regions(client, &list, &call) == 0, "%s", call.error.message);
	text[0] = '\0';
	for (size_t i = 0; i < list->nregions; i++)
		strcat(strcat(text, list->regions[i]->name), " ");
	paclient_regions_free(list);
	return text;
}

/* Ids neither rise with the order, once a region has the number of before, nor where one has a new generation. */
START_TEST(regions_are_listed_in_the_order_of_the_configuration)
{
	paclient *client;

	START("--region", "a,limit=1M,backing=memfd", "--region", "b,limit=1M");
	client = connect_to(m.socket);
	ck_assert_str_eq(names(client), "a b ");
	stop();
	manager_forget(&m);
	START("--region", "a,limit=1M,backing=memfd", "--region", "b,limit=1M");
	ck_assert_str_eq(names(client), "a b ");
	stop();
	START("--region", "b,limit=1M", "--region", "c,limit=1M", "--region",
	      "a,limit=1M,backing=memfd");
	ck_assert_str_eq(names(client), "b c a ");
	paclient_close(client);
	stop();
}
END_TEST

START_TEST(memory_of_a_region_that_is_gone_is_dropped)
{
	START("--region", "a,limit=1M,backing=memfd", "--region", "b,limit=1M");
	ck_assert_uint_eq(m.nstored, 1);
	stop();
	START("--region", "b,limit=1M");
	ck_assert_uint_eq(m.nstored, 0);
	ck_assert_uint_eq(m.nremoved, 1);
	ck_assert(manager_said(&m, "memory of region a, generation 1, is not wanted any more"));
	stop();
}
END_TEST

START_TEST(memory_of_another_length_is_no_reason_to_forget)
{
	static const struct {
		const char *region, *says;
	} cases[] = {
		{"a,limit=2M,backing=memfd", "its memory of before has 1M, and its limit is 2M"},
		{"a,limit=1M", "it has memory of before, and is to have none"},
	};
	paclient *client;
	uint32_t id;

	START("--region", "a,limit=1M,auto-grow=1M,backing=memfd", "--region", "b,limit=1M");
	client = connect_to(m.socket);
	id = region(client, "a");
	take(client, id, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		stop();
		START("--region", cases[i].region, "--region", "b,limit=1M");
		ck_assert_msg(manager_said(&m, cases[i].says), "%s", cases[i].says);
		ck_assert(manager_said(&m, "region a is left out"));
		ck_assert_uint_eq(m.nstored, 1);
	}
	stop();
	START("--region", "a,limit=1M,auto-grow=1M,backing=memfd", "--region", "b,limit=1M");
	ck_assert_uint_eq(count(client, id), 1);
	paclient_close(client);
	stop();
}
END_TEST

START_TEST(a_configuration_that_no_longer_fits_costs_its_region_alone)
{
	static const char *const changed[] = {
		"a,limit=1M,auto-grow=1M",                   /* less than is held */
		"a,limit=64M,auto-grow=1M,base=0x100000000", /* elsewhere */
		"a,limit=64M,auto-grow=1M,page-size=8K",
	};
	struct paclient_region info = {.size = sizeof(info)};
	paclient *client, *again;
	uint32_t a, b;

	START("--region", "a,limit=64M,auto-grow=1M", "--region", "b,limit=1M,auto-grow=1M");
	client = connect_to(m.socket);
	a = region(client, "a");
	b = region(client, "b");
	take(client, a, 1024);
	take(client, b, 1);
	stop();
	START("--region", changed[_i], "--region", "b,limit=1M,auto-grow=1M");
	ck_assert_uint_eq(count(client, b), 1);
	again = connect_to(m.socket);
	ck_assert_int_eq(paclient_region_info(again, region(again, "a"), &info, NULL), 0);
	ck_assert_msg(info.faulted, "region a is served as %s", changed[_i]);
	paclient_close(again);
	/* Set right again, it is as it was. */
	stop();
	START("--region", "a,limit=64M,auto-grow=1M", "--region", "b,limit=1M,auto-grow=1M");
	ck_assert_uint_eq(count(client, a), 1);
	ck_assert_uint_eq(count(client, b), 1);
	paclient_close(client);
	stop();
}
END_TEST

/* A client that calls without end, from several threads. */
struct caller {
	paclient *client;
	uint32_t id;
	atomic_bool stop;
	atomic_ulong ncalls;
};

static void *call_on(void *arg)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct caller *c = arg;
	uint64_t addr;

	while (!atomic_load(&c->stop)) {
		ck_assert_msg(paclient_alloc(c->client, c->id, 1, 0, &addr, &call) == 0, "%s",
			      call.error.message);
		ck_assert_msg(paclient_free(c->client, c->id, addr, 1, &call) == 0, "%s",
			      call.error.message);
		atomic_fetch_add(&c->ncalls, 1);
	}
	return NULL;
}

START_TEST(a_restart_in_order_is_a_pause)
{
	struct caller c = {0};
	pthread_t threads[4];

	START("--region", "a,limit=64M,auto-grow=1M");
	c.client = connect_to(m.socket);
	c.id = region(c.client, "a");
	take(c.client, c.id, 7);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, call_on, &c), 0);
	for (unsigned i = 0; i < RESTARTS; i++) {
		unsigned long seen = atomic_load(&c.ncalls);

		while (atomic_load(&c.ncalls) < seen + 8)
			usleep(100);
		stop();
		START("--region", "a,limit=64M,auto-grow=1M");
	}
	atomic_store(&c.stop, true);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(count(c.client, c.id), 1);
	ck_assert_uint_ge(paclient_reconnects(c.client), RESTARTS);
	paclient_close(c.client);
	stop();
}
END_TEST

START_TEST(sessions_that_do_not_come_back_go_the_way_of_the_dead)
{
	paclient *client, *other;
	uint32_t id;

	START("--region", "a,limit=64M,auto-grow=1M", "--restart-grace", "100ms");
	client = connect_to(m.socket);
	id = region(client, "a");
	take(client, id, 7);
	end_by(SIGKILL);
	START("--region", "a,limit=64M,auto-grow=1M", "--restart-grace", "100ms");
	other = connect_to(m.socket);
	while (count(other, id))
		usleep(1000);
	ck_assert_int_eq(paclient_keep(client, NULL), PACLIENT_SESSION_ENDED);
	paclient_close(other);
	paclient_close(client);
	stop();
}
END_TEST

START_TEST(many_extents)
{
	uint64_t npages[256], addrs[256], usec;
	size_t batch;
	paclient *client;
	uint32_t id;

	for (size_t i = 0; i < 256; i++)
		npages[i] = 1 + i % 3;
	START("--region", "a,limit=64G,auto-grow=64M,quota-user-extents=infinity");
	client = connect_to(m.socket);
	id = region(client, "a");
	batch = paclient_batch_max(client) < 256 ? paclient_batch_max(client) : 256;
	for (uint64_t n = 0; n < nextents; n += batch) {
		if (batch > nextents - n)
			batch = nextents - n;
		ck_assert_int_eq(paclient_alloc_batch(client, id, batch, npages, 0, addrs, NULL),
				 0);
	}
	stop();
	usec = clock_usec();
	START("--region", "a,limit=64G,auto-grow=64M,quota-user-extents=infinity");
	printf("%" PRIu64 " extents: ready after %" PRIu64 " ms\n", nextents,
	       (clock_usec() - usec) / 1000);
	ck_assert_uint_eq(count(client, id), nextents);
	paclient_close(client);
	stop();
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("restart");
	TCase *tc = tcase_create("restart");
	SRunner *runner;
	int nfailed;

	if (argc > 1)
		nextents = strtoull(argv[1], NULL, 10);
	if (argc > 2 || nextents == 0) {
		fprintf(stderr, "usage: fault_restart [NEXTENTS]\n");
		return 2;
	}
	/* ctest's own limit is the sharper one. */
	tcase_set_timeout(tc, 1500);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, memory_comes_back_with_what_is_in_it, 0, 2);
	tcase_add_test(tc, memory_that_does_not_come_back_voids_what_was_in_it);
	tcase_add_test(tc, regions_are_listed_in_the_order_of_the_configuration);
	tcase_add_test(tc, memory_of_a_region_that_is_gone_is_dropped);
	tcase_add_test(tc, memory_of_another_length_is_no_reason_to_forget);
	tcase_add_loop_test(tc, a_configuration_that_no_longer_fits_costs_its_region_alone, 0, 3);
	tcase_add_test(tc, a_restart_in_order_is_a_pause);
	tcase_add_test(tc, sessions_that_do_not_come_back_go_the_way_of_the_dead);
	tcase_add_test(tc, many_extents);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
