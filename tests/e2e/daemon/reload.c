/*
 * reload - SIGHUP: another configuration for a daemon that serves
 *
 * Role:       what a reload puts in force, what it refuses and that nothing of it is then in force, and what the service manager is told; with clients that are
 *             connected, wait and watch meanwhile.
 * Uses:       tests/e2e/daemon/reload.h
 */
#include "tests/e2e/daemon/reload.h"

#include "base/macros.h"
#include "tests/unit/suite.h"

#define DETACHED PALLOCD__V1__LIFETIME__DETACHED
#define SESSION PALLOCD__V1__LIFETIME__SESSION

#define REGION_A "[Region a]\nLimit=1M\nInitial=1M\n"

static struct reload_process p;

static unsigned nregions(int fd, uint32_t *ret_last_id)
{
	Pallocd__V1__ListRegions m = PALLOCD__V1__LIST_REGIONS__INIT;
	Reply *reply = wire_call(fd, &REQUEST(9, LIST_REGIONS, list_regions, &m));
	unsigned n = (unsigned)reply->list_regions->n_regions;

	if (n)
		*ret_last_id = reply->list_regions->regions[n - 1]->id;
	wire_done(reply);
	return n;
}

START_TEST(a_new_region_is_served_and_outlives_a_crash)
{
	uint64_t addr, other;
	uint32_t id;
	int fd, status;

	reload_place(&p, REGION_A);
	reload_start(&p);
	fd = wire_open(p.d.path);
	ck_assert_uint_eq(alloc_in(fd, "b", 1, DETACHED, &addr), PALLOCD_NO_REGION);
	reload_write(&p, "regions.d/b.region", "[Region]\nLimit=64K\nInitial=64K\n");
	assert_taken(&p);
	ck_assert_msg(strstr(p.status, "2 regions, 1 session, "), "%s", p.status);
	ck_assert_uint_eq(nregions(fd, &id), 2);
	ck_assert_uint_eq(alloc_in(fd, "b", 3, DETACHED, &addr), PALLOCD_OK);
	kill(p.d.pid, SIGKILL);
	ck_assert_int_eq(waitpid(p.d.pid, &status, 0), p.d.pid);
	close(fd);
	reload_start(&p);
	fd = wire_open(p.d.path);
	ck_assert_uint_eq(alloc_in(fd, "b", 13, DETACHED, &other), PALLOCD_OK);
	ck_assert_uint_ne(addr, other);
	ck_assert_uint_eq(free_in(fd, "b", addr, 3), PALLOCD_OK);
	close(fd);
	reload_stop(&p);
}
END_TEST

/* Memory that the service manager keeps: it is told of the new one, and to let go of the one that is gone. */
START_TEST(memory_of_new_regions_is_handed_over)
{
	uint64_t addr;
	int fd;

	reload_place(&p, REGION_A);
	reload_start(&p);
	fd = wire_open(p.d.path);
	reload_write(&p, "regions.d/b.region", "[Region]\nLimit=64K\nInitial=64K\nBacking=memfd\n");
	ck_assert_int_eq(kill(p.d.pid, SIGHUP), 0);
	reload_await(&p, "RELOADING=1");
	reload_await(&p, "FDSTORE=1\nFDNAME=memory-1-b");
	reload_await(&p, "READY=1");
	ck_assert_uint_eq(alloc_in(fd, "b", 1, SESSION, &addr), PALLOCD_OK);
	ck_assert_uint_eq(free_in(fd, "b", addr, 1), PALLOCD_OK);
	reload_unlink(&p, "regions.d/b.region");
	ck_assert_int_eq(kill(p.d.pid, SIGHUP), 0);
	reload_await(&p, "RELOADING=1");
	reload_await(&p, "FDSTOREREMOVE=1\nFDNAME=memory-1-b");
	reload_await(&p, "READY=1");
	close(fd);
	reload_stop(&p);
}
END_TEST

static void send_waiting_alloc(int fd, const char *region, uint64_t npages)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region = (char *)(uintptr_t)region;
	m.npages = &npages;
	m.n_npages = 1;
	m.wait_msec = 100000;
	wire_request(fd, &REQUEST(30, ALLOC, alloc, &m));
}

static unsigned reply_status(int fd)
{
	Reply *reply = wire_reply(fd);
	unsigned status;

	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->id, 30);
	status = (unsigned)reply->status;
	wire_done(reply);
	return status;
}

/* @n requests wait; asked for on @fd. */
static void await_waiting(int fd, uint64_t n)
{
	uint64_t nwaiting;

	do {
		Reply *reply = wire_stat(fd);

		nwaiting = reply->stat->daemon->nwaiting;
		wire_done(reply);
	} while (nwaiting != n);
}

/* From a limit that ends within a chunk, which then becomes a whole one, and beyond it. */
START_TEST(a_higher_limit_helps_who_waits)
{
	uint64_t addr;
	int fd, waiting;

	reload_place(&p, "[Region a]\nLimit=100K\nInitial=100K\nAutoGrow=64K\n");
	reload_start(&p);
	fd = wire_open(p.d.path);
	waiting = wire_open(p.d.path);
	ck_assert_uint_eq(alloc_in(fd, "a", 25, SESSION, &addr), PALLOCD_OK);
	ck_assert_uint_eq(alloc_in(fd, "a", 1, SESSION, &addr), PALLOCD_NO_SPACE);
	send_waiting_alloc(waiting, "a", 20);
	await_waiting(fd, 1);
	reload_write(&p, "conf.d/10.conf", "[Region a]\nLimit=64M\n");
	assert_taken(&p);
	ck_assert_uint_eq(reply_status(waiting), PALLOCD_OK);
	ck_assert_uint_eq(alloc_in(fd, "a", 16000, SESSION, &addr), PALLOCD_OK);
	ck_assert_uint_eq(free_in(fd, "a", addr, 16000), PALLOCD_OK);
	ck_assert_msg(strstr(daemon_said(&p.d), "region a: Limit was 100K, and is 64M now ("), "%s",
		      daemon_said(&p.d));
	close(fd);
	close(waiting);
	reload_stop(&p);
}
END_TEST

START_TEST(quotas_hold_from_the_next_request)
{
	uint64_t addr;
	int fd;

	reload_place(&p, REGION_A);
	reload_start(&p);
	fd = wire_open(p.d.path);
	ck_assert_uint_eq(alloc_in(fd, "a", 2, SESSION, &addr), PALLOCD_OK);
	reload_write(&p, "conf.d/10.conf", "[Region a]\nQuotaUserExtents=1\n");
	assert_taken(&p);
	ck_assert_uint_eq(alloc_in(fd, "a", 2, SESSION, &addr), PALLOCD_QUOTA);
	/* What a later file says goes over it. */
	reload_write(&p, "conf.d/20.conf", "[Region a]\nQuotaUserExtents=2\n");
	assert_taken(&p);
	ck_assert_uint_eq(alloc_in(fd, "a", 2, SESSION, &addr), PALLOCD_OK);
	ck_assert_uint_eq(alloc_in(fd, "a", 2, SESSION, &addr), PALLOCD_QUOTA);
	close(fd);
	reload_stop(&p);
}
END_TEST

/* What cannot change while the daemon runs: the file that says so, what it says, and what is said about it. */
static const struct {
	const char *text;
	const char *says[6];
} frozen[] = {
	{"[Region a]\nPageSize=8K\n",
	 {"conf.d/20.conf:2: region a: PageSize was 4K (default) and cannot become 8K",
	  "take it out of the configuration, reload, and add it again"}},
	{"[Region a]\nBase=64K\n",
	 {"20.conf:2: region a: Base was 0 (default) and cannot become 64K"}},
	{"[Region a]\nLimit=512K\nInitial=512K\n",
	 {"20.conf:2: region a: Limit was 1M (", "/conf:2) and cannot become 512K", "shrink"}},
	{"[Region a]\nBacking=memfd\n",
	 {"20.conf:2: region a: Backing was none (default) and cannot become memfd",
	  "restart the daemon"}},
	{"[Region a]\nFile=/dev/zero\n", {"20.conf:2: region a: File was not set"}},
	{"[Region a]\nHugePageSize=2M\n", {"20.conf:1: region a: Backing was none"}},
	{"[Region a]\nDurability=none\n",
	 {"20.conf:2: region a: Durability was process (default) and cannot become none"}},
	{"[Region a]\nBestFit=yes\n", {"20.conf:2: region a: BestFit was no"}},
	{"[Region a]\nReserve=0:4K\n",
	 {"20.conf:2: region a: Reserve was not set (default) and cannot become 0:4K",
	  "paclient reserve"}},
	{"[Daemon]\nStoreDirectory=/tmp/x\n",
	 {"20.conf:2: StoreDirectory was not set (default) and cannot become /tmp/x",
	  "restart the daemon"}},
	{"[Region d]\nLimit=64K\nDurability=machine\n", {"20.conf:1: region d", "needs a folder"}},
	{"[Region d]\nLimit=64K\nFile=/nonexistent/file\n",
	 {"20.conf:1: region d", "No such file"}},
	{"[Region a]\nPage=8K\n", {"20.conf:2: a region has no key 'Page'"}},
	{"[Region a]\nQuotaUser=1Q\n", {"20.conf:2: QuotaUser=1Q is no size"}},
	{"[Region a]\nRetain=1\nRetain=1\n", {"20.conf:3: 'Retain' is set twice"}},
};

/* Of a configuration with something good in it nothing is in force. */
START_TEST(what_is_refused_changes_nothing)
{
	uint64_t addr;
	uint32_t id;
	int fd;

	reload_place(&p, REGION_A);
	reload_start(&p);
	fd = wire_open(p.d.path);
	reload_write(&p, "conf.d/10.conf",
		     "[Daemon]\nUserSessions=1\n[Region a]\nQuotaUserExtents=1\n");
	reload_write(&p, "regions.d/c.region", "[Region]\nLimit=64K\n");
	reload_write(&p, "conf.d/20.conf", frozen[_i].text);
	assert_refused(&p, frozen[_i].says);
	ck_assert_uint_eq(nregions(fd, &id), 1);
	ck_assert_uint_eq(alloc_in(fd, "a", 1, SESSION, &addr), PALLOCD_OK);
	ck_assert_uint_eq(alloc_in(fd, "a", 1, SESSION, &addr), PALLOCD_OK);
	close(wire_open(p.d.path));
	/* Without what was wrong, all of the rest is. */
	reload_unlink(&p, "conf.d/20.conf");
	assert_taken(&p);
	ck_assert_uint_eq(nregions(fd, &id), 2);
	ck_assert_uint_eq(alloc_in(fd, "a", 1, SESSION, &addr), PALLOCD_QUOTA);
	close(fd);
	reload_stop(&p);
}
END_TEST

/* Memory and files are as long as they were when they were opened, so that no mapping has to change. */
START_TEST(a_limit_with_memory_behind_it_stays)
{
	const char *const of_memory[] = {"b.region:2: region b: Limit was 64K (",
					 "cannot become 128K", "its memory is as long as it is",
					 "add it again", NULL};
	const char *const of_file[] = {"c.region:2: region c: Limit was 64K (",
				       "cannot become 128K", "the file's length",
				       "restart the daemon", NULL};
	char path[64], region[256];
	uint64_t addr;
	int fd, file;

	snprintf(path, sizeof(path), "/dev/shm/pallocd-test-XXXXXX");
	file = mkstemp(path);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(ftruncate(file, 64 << 10), 0);
	close(file);
	snprintf(region, sizeof(region), "[Region]\nLimit=64K\nInitial=64K\nFile=%s\n", path);
	reload_place(&p, REGION_A);
	reload_write(&p, "regions.d/b.region", "[Region]\nLimit=64K\nInitial=64K\nBacking=memfd\n");
	reload_write(&p, "regions.d/c.region", region);
	reload_start(&p);
	fd = wire_open(p.d.path);
	reload_write(&p, "regions.d/b.region", "[Region]\nLimit=128K\nBacking=memfd\n");
	assert_refused(&p, of_memory);
	reload_write(&p, "regions.d/b.region", "[Region]\nLimit=64K\nInitial=64K\nBacking=memfd\n");
	snprintf(region, sizeof(region), "[Region]\nLimit=128K\nFile=%s\n", path);
	reload_write(&p, "regions.d/c.region", region);
	assert_refused(&p, of_file);
	/* All of both, and no more, is there as before. */
	ck_assert_uint_eq(alloc_in(fd, "b", 16, SESSION, &addr), PALLOCD_OK);
	ck_assert_uint_eq(alloc_in(fd, "b", 1, SESSION, &addr), PALLOCD_NO_SPACE);
	ck_assert_uint_eq(alloc_in(fd, "c", 16, SESSION, &addr), PALLOCD_OK);
	close(fd);
	reload_stop(&p);
	unlink(path);
}
END_TEST

START_TEST(a_region_that_is_gone_is_closed_when_it_is_empty)
{
	const char *const says[] = {"regions.d/b.region:1: region b is not in the configuration",
				    "2 extents",
				    "1 sessions",
				    "1 users",
				    "paclient list b",
				    NULL};
	uint64_t mine, users, addr;
	uint32_t id, again;
	int fd, waiting;

	reload_place(&p, REGION_A);
	reload_write(&p, "regions.d/b.region", "[Region]\nLimit=64K\nInitial=64K\n");
	reload_start(&p);
	fd = wire_open(p.d.path);
	waiting = wire_open(p.d.path);
	ck_assert_uint_eq(nregions(fd, &id), 2);
	ck_assert_uint_eq(alloc_in(fd, "b", 1, SESSION, &mine), PALLOCD_OK);
	ck_assert_uint_eq(alloc_in(fd, "b", 1, DETACHED, &users), PALLOCD_OK);
	reload_unlink(&p, "regions.d/b.region");
	assert_refused(&p, says);
	ck_assert_uint_eq(free_in(fd, "b", mine, 1), PALLOCD_OK);
	ck_assert_uint_eq(free_in(fd, "b", users, 1), PALLOCD_OK);
	assert_taken(&p);
	ck_assert_msg(strstr(p.status, "1 region, "), "%s", p.status);
	ck_assert_uint_eq(nregions(fd, &again), 1);
	ck_assert_uint_eq(alloc_in(fd, "b", 1, SESSION, &addr), PALLOCD_NO_REGION);
	/* What was written of it is gone too: another one may have the name. */
	reload_write(&p, "regions.d/b.region", "[Region]\nLimit=64K\nInitial=64K\nPageSize=16K\n");
	assert_taken(&p);
	ck_assert_uint_eq(nregions(fd, &again), 2);
	ck_assert_uint_ne(id, again);
	ck_assert_uint_eq(alloc_in(fd, "b", 4, SESSION, &addr), PALLOCD_OK);
	ck_assert_uint_eq(alloc_in(fd, "a", 256, SESSION, &addr), PALLOCD_OK);
	close(waiting);
	close(fd);
	reload_stop(&p);
}
END_TEST

/* All pages are reserved: nobody holds any, and somebody waits for some. */
START_TEST(who_waits_in_a_closed_region_is_refused)
{
	int fd, waiting;

	reload_place(&p, REGION_A);
	reload_write(&p, "regions.d/b.region", "[Region]\nLimit=64K\nInitial=64K\nReserve=0:64K\n");
	reload_start(&p);
	fd = wire_open(p.d.path);
	waiting = wire_open(p.d.path);
	send_waiting_alloc(waiting, "b", 1);
	await_waiting(fd, 1);
	reload_unlink(&p, "regions.d/b.region");
	assert_taken(&p);
	ck_assert_uint_eq(reply_status(waiting), PALLOCD_NO_REGION);
	await_waiting(fd, 0);
	close(waiting);
	close(fd);
	reload_stop(&p);
}
END_TEST

START_TEST(who_watches_sees_new_regions)
{
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;
	Pallocd__V1__EventKind kind = PALLOCD__V1__EVENT_KIND__EVENT_ALLOC;
	int fd, watching;
	uint64_t addr;
	uint32_t id;
	Reply *reply;

	reload_place(&p, REGION_A);
	reload_start(&p);
	fd = wire_open(p.d.path);
	watching = wire_open(p.d.path);
	m.kinds = &kind;
	m.n_kinds = 1;
	wire_done(wire_call(watching, &REQUEST(40, WATCH, watch, &m)));
	reload_write(&p, "regions.d/b.region", "[Region]\nLimit=64K\nInitial=64K\n");
	assert_taken(&p);
	ck_assert_uint_eq(nregions(fd, &id), 2);
	ck_assert_uint_eq(alloc_in(fd, "b", 1, SESSION, &addr), PALLOCD_OK);
	reply = wire_reply(watching);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->events->n_events, 1);
	ck_assert_uint_eq(reply->events->events[0]->region_id, id);
	wire_done(reply);
	close(watching);
	close(fd);
	reload_stop(&p);
}
END_TEST

START_TEST(the_daemons_own_limits)
{
	int fd, refused;
	Reply *reply;

	reload_place(&p, REGION_A);
	reload_start(&p);
	fd = wire_open(p.d.path);
	refused = wire_connect(p.d.path);
	reload_write(&p, "conf.d/10.conf", "[Daemon]\nHelloTimeout=1ms\nMaxConnections=1\n");
	assert_taken(&p);
	/* One that waited already is too slow now. */
	reply = wire_reply(refused);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq((unsigned)reply->status, PALLOCD_TOO_SLOW);
	wire_done(reply);
	wire_assert_end(refused);
	close(refused);
	refused = wire_connect(p.d.path);
	reply = wire_reply(refused);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq((unsigned)reply->status, PALLOCD_OVERLOADED);
	wire_done(reply);
	close(refused);
	wire_done(wire_stat(fd));
	close(fd);
	reload_stop(&p);
}
END_TEST

START_TEST(the_level_of_the_log)
{
	const char *const says[] = {"conf.d/10.conf:2: 'loud' is no log level", NULL};

	reload_place(&p, REGION_A);
	reload_start(&p);
	reload_write(&p, "conf.d/10.conf", "[Daemon]\nLogLevel=error\n");
	assert_taken(&p);
	ck_assert_ptr_nonnull(strstr(daemon_said(&p.d), "the configuration is read again"));
	unlink(p.d.log);
	/* The file is open still, and new ones are nobody's: what is refused stays in the status. */
	reload_write(&p, "conf.d/10.conf", "[Daemon]\nLogLevel=loud\n");
	reload(&p);
	ck_assert_msg(strstr(p.status, says[0]), "%s", p.status);
	reload_stop(&p);
}
END_TEST

START_TEST(the_status_follows_what_happens)
{
	uint64_t addr;
	int fd;

	reload_place(&p, REGION_A);
	reload_start(&p);
	ck_assert_str_eq(p.status, "1 region, 0 sessions, 0 pages allocated of 256");
	fd = wire_open(p.d.path);
	ck_assert_uint_eq(alloc_in(fd, "a", 7, SESSION, &addr), PALLOCD_OK);
	reload_await(&p, "STATUS=1 region, 1 session, 7 pages allocated of 256");
	close(fd);
	reload_await(&p, "STATUS=1 region, 0 sessions, 0 pages allocated of 256");
	reload_stop(&p);
}
END_TEST

/* No service manager: the log alone says what came of it. */
START_TEST(by_hand)
{
	char conf[128];

	reload_place(&p, REGION_A);
	reload_path(&p, "conf", conf);
	unsetenv("NOTIFY_SOCKET");
	daemon_exec(&p.d, (const char *const[]){"--config", conf, "--socket", p.d.path, NULL});
	close(wire_open(p.d.path));
	ck_assert_int_eq(kill(p.d.pid, SIGHUP), 0);
	while (!strstr(daemon_said(&p.d), "the new configuration is in force"))
		wire_sleep_msec(5);
	reload_stop(&p);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reload");
	TCase *tc = tcase_create("reload");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_new_region_is_served_and_outlives_a_crash);
	tcase_add_test(tc, memory_of_new_regions_is_handed_over);
	tcase_add_test(tc, a_higher_limit_helps_who_waits);
	tcase_add_test(tc, quotas_hold_from_the_next_request);
	tcase_add_loop_test(tc, what_is_refused_changes_nothing, 0, (int)ARRAY_SIZE(frozen));
	tcase_add_test(tc, a_limit_with_memory_behind_it_stays);
	tcase_add_test(tc, a_region_that_is_gone_is_closed_when_it_is_empty);
	tcase_add_test(tc, who_waits_in_a_closed_region_is_refused);
	tcase_add_test(tc, who_watches_sees_new_regions);
	tcase_add_test(tc, the_daemons_own_limits);
	tcase_add_test(tc, the_level_of_the_log);
	tcase_add_test(tc, the_status_follows_what_happens);
	tcase_add_test(tc, by_hand);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
