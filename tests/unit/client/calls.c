/*
 * calls - every public call against a daemon that behaves, and every argument that cannot be
 *
 * Role:       results, refusals with their numbers, argument checks, versioned structs.
 * Uses:       client/lib, fake daemon, check
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/client/fake.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
	ck_assert_int_eq(call.error.message[0] != '\0', want != 0);
}

START_TEST(regions_come_in_parts)
{
	struct paclient_region_list *list = NULL;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_regions(c, &list, &call), 0);
	ck_assert_uint_eq(list->nregions, 5);
	for (uint32_t i = 0; i < 5; i++) {
		ck_assert_uint_eq(list->regions[i]->id, i + 1);
		ck_assert_uint_eq(list->regions[i]->page_size_bytes, 4096);
		ck_assert_uint_eq(list->regions[i]->size, sizeof(struct paclient_region));
	}
	ck_assert_str_eq(list->regions[4]->name, "r5");
	paclient_regions_free(list);
	paclient_regions_free(NULL);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(region_by_name)
{
	struct paclient_region info = {.size = sizeof(info)};
	struct paclient_range_list *ranges;
	struct fake f;
	uint32_t id = 99;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	ck_assert_uint_eq(paclient_session_id(c), 7);
	ck_assert_str_eq(paclient_server_name(c), "fake 1");
	ck_assert_uint_eq(paclient_batch_max(c), PALLOCD_BATCH_EXTENTS_MAX);
	expect(paclient_region_open(c, "nothere", &id, &call), PACLIENT_NO_REGION);
	ck_assert_uint_eq(id, 99);
	ck_assert_str_eq(call.error.message, "no region of that name");
	expect(paclient_region_open(c, "r3", &id, &call), 0);
	ck_assert_uint_eq(id, 3);
	expect(paclient_region_info(c, id, &info, &call), 0);
	ck_assert_uint_eq(info.grown_npages, 1024);
	info.id = 0;
	expect(paclient_region_by_name(c, "nothere", &info, &call), PACLIENT_NO_REGION);
	expect(paclient_region_by_name(c, "r3", &info, &call), 0);
	ck_assert_uint_eq(info.id, 3);
	expect(paclient_region_ranges(c, id, &ranges, &call), 0);
	ck_assert_uint_eq(ranges->nranges, 2);
	ck_assert_uint_eq(ranges->nranges_total, 2);
	ck_assert_uint_eq(ranges->ranges[1].addr, 0x900000);
	paclient_ranges_free(ranges);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(alloc_and_free)
{
	uint64_t addrs[3] = {1, 2, 3}, npages[3] = {5, 7, 2000}, addr = 42;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_alloc(c, 3, 2, PACLIENT_DETACHED, &addr, &call), 0);
	ck_assert_uint_eq(addr, 0x10000);
	expect(paclient_free(c, 3, addr, 2, &call), 0);
	expect(paclient_alloc_batch(c, 3, 2, npages, 0, addrs, &call), 0);
	ck_assert_uint_eq(addrs[0], 0x12000);
	ck_assert_uint_eq(addrs[1], 0x17000);
	expect(paclient_free_batch(c, 3, 2, addrs, npages, &call), 0);
	ck_assert_uint_eq(f.nallocs, 0);
	expect(paclient_alloc_batch(c, 3, 3, npages, 0, addrs, &call), PACLIENT_NO_SPACE);
	ck_assert_uint_eq(addrs[0], 0x12000);
	ck_assert_uint_eq(call.error.index, 2);
	ck_assert_uint_eq(call.error.asked, 2000);
	ck_assert_uint_eq(call.error.free_npages, 512);
	ck_assert_uint_eq(call.error.largest_npages, 100);
	ck_assert_uint_eq(call.error.growable_npages, 7);
	ck_assert_str_eq(call.error.field, "npages");
	ck_assert_str_eq(call.error.message, "no run of free pages is long enough");
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(largest_batch_passes)
{
	static uint64_t addrs[PALLOCD_BATCH_EXTENTS_MAX + 1], npages[PALLOCD_BATCH_EXTENTS_MAX + 1];
	struct fake f;
	paclient *c;

	for (size_t i = 0; i <= PALLOCD_BATCH_EXTENTS_MAX; i++)
		npages[i] = 1;
	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 2000);
	/* Addresses that need all ten bytes of a varint. */
	f.next_addr = UINT64_MAX << 40;
	expect(paclient_alloc_batch(c, 3, PALLOCD_BATCH_EXTENTS_MAX, npages, 0, addrs, &call), 0);
	memset(npages, 0xff, sizeof(npages));
	expect(paclient_free_batch(c, 3, PALLOCD_BATCH_EXTENTS_MAX, addrs, npages, &call), 0);
	expect(paclient_alloc_batch(c, 3, PALLOCD_BATCH_EXTENTS_MAX + 1, npages, 0, addrs, &call),
	       PACLIENT_LIMIT);
	ck_assert_uint_eq(call.error.limit, PALLOCD_BATCH_EXTENTS_MAX);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(grow_stat_and_map)
{
	struct paclient_daemon_stat ds = {.size = sizeof(ds)};
	struct paclient_region_stat rs = {.size = sizeof(rs)};
	struct paclient_usage *usage;
	struct paclient_range added;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_grow(c, 3, 1, &added, &call), 0);
	ck_assert_uint_eq(added.addr, 0x900000);
	ck_assert_uint_eq(added.npages, 512);
	expect(paclient_grow(c, 3, 1, NULL, &call), 0);
	expect(paclient_stat_daemon(c, &ds, &call), 0);
	ck_assert_uint_eq(ds.batches_total, 11);
	expect(paclient_stat_region(c, 3, &rs, &call), 0);
	ck_assert_uint_eq(rs.no_space_total, 18);
	ck_assert_str_eq(rs.name, "r3");
	expect(paclient_usage_map(c, 3, 0x10000, 0, 4096, &usage, &call), 0);
	ck_assert_uint_eq(usage->ncells, 4096);
	ck_assert_uint_eq(usage->cells[4095].used_npages, 5);
	ck_assert_uint_eq(usage->npages, 5 * 4096);
	paclient_usage_free(usage);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(structs_of_other_versions)
{
	struct {
		struct paclient_options o;
		uint64_t future;
	} newer = {PACLIENT_OPTIONS_INIT, 0};
	struct paclient_options older = PACLIENT_OPTIONS_INIT;
	struct paclient_region info;
	struct paclient_call bad = PACLIENT_CALL_INIT;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	newer.o.size = sizeof(newer);
	expect(paclient_open(f.path, &newer.o, &c, &call), 0);
	paclient_close(c);
	newer.future = 1;
	expect(paclient_open(f.path, &newer.o, &c, &call), PACLIENT_BAD_ARGUMENT);
	older.size = offsetof(struct paclient_options, timeout_ms);
	older.timeout_ms = -5; /* not looked at: this program does not know of the field */
	expect(paclient_open(f.path, &older, &c, &call), 0);
	older.size = 0;
	paclient_close(c);
	expect(paclient_open(f.path, &older, &c, &call), PACLIENT_BAD_ARGUMENT);
	c = fake_open(&f, 1000);
	memset(&info, 0xee, sizeof(info));
	info.size = offsetof(struct paclient_region, limit_npages);
	expect(paclient_region_info(c, 3, &info, &call), 0);
	ck_assert_uint_eq(info.size, offsetof(struct paclient_region, limit_npages));
	ck_assert_uint_eq(info.page_size_bytes, 4096);
	ck_assert_uint_eq(info.limit_npages, UINT64_C(0xeeeeeeeeeeeeeeee));
	bad.size = 8;
	ck_assert_int_eq(paclient_grow(c, 3, 1, NULL, &bad), PACLIENT_BAD_ARGUMENT);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(impossible_arguments)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	struct paclient_call negative = PACLIENT_CALL_INIT;
	uint64_t addr, one = 1;
	char name[80], path[200];
	struct fake f;
	uint32_t id;
	paclient *c;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_alloc(NULL, 3, 1, 0, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "client");
	expect(paclient_alloc(c, 3, 1, 0, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_alloc(c, 3, 1, 6, &addr, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "flags");
	expect(paclient_alloc_batch(c, 3, 0, &one, 0, &addr, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_alloc_batch(c, 3, 1, NULL, 0, &addr, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_free_batch(c, 3, 1, NULL, &one, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_region_open(c, "", &id, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_region_open(c, name, &id, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_region_open(c, "r3", NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_regions(c, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_region_ranges(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_usage_map(c, 3, 0, 0, 0, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_region_info(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_stat_daemon(c, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_stat_region(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	negative.timeout_ms = -1;
	ck_assert_int_eq(paclient_grow(c, 3, 1, NULL, &negative), PACLIENT_BAD_ARGUMENT);
	expect(paclient_open(path, NULL, &c, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_open(f.path, NULL, NULL, &call), PACLIENT_BAD_ARGUMENT);
	o.client_name = name;
	expect(paclient_open(f.path, &o, &c, &call), PACLIENT_LIMIT);
	o.client_name = "ok";
	o.timeout_ms = -1;
	expect(paclient_open(f.path, &o, &c, &call), PACLIENT_BAD_ARGUMENT);
	/* And after all that the handle works, with no struct to tell about it. */
	ck_assert_int_eq(paclient_alloc(c, 3, 1, 0, &addr, NULL), 0);
	ck_assert_int_eq(paclient_alloc(c, 3, 1001, 0, &addr, NULL), PACLIENT_NO_SPACE);
	paclient_close(c);
	paclient_close(NULL);
	fake_stop(&f);
}
END_TEST

START_TEST(nobody_listens)
{
	struct fake f;
	paclient *c;

	expect(paclient_open("/nonexistent/sock", NULL, &c, &call), PACLIENT_NOT_CONNECTED);
	ck_assert_int_eq(call.error.system_errno, 2);
	ck_assert_ptr_nonnull(strstr(call.error.message, "/nonexistent/sock"));
	fake_start(&f, fake_serve, NULL);
	shutdown(f.listener, SHUT_RDWR);
	expect(paclient_open(f.path, NULL, &c, &call), PACLIENT_NOT_CONNECTED);
	fake_stop(&f);
}
END_TEST

/* A program with closed standard streams must not find the daemon on its standard output. */
START_TEST(standard_descriptors_are_left_alone)
{
	struct fake f;
	paclient *c;
	int result;
	pid_t pid;

	fake_start(&f, fake_serve, NULL);
	pid = fork();
	if (pid == 0) {
		char byte;

		close(0);
		if (paclient_open(f.path, NULL, &c, NULL))
			_exit(1);
		_exit(read(0, &byte, 1) >= 0 || errno != EBADF ? 2 : 0);
	}
	ck_assert_int_eq(waitpid(pid, &result, 0), pid);
	ck_assert_int_eq(result, 0);
	fake_stop(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_calls");

	run_add(s, "regions_come_in_parts", regions_come_in_parts);
	run_add(s, "region_by_name", region_by_name);
	run_add(s, "alloc_and_free", alloc_and_free);
	run_add(s, "largest_batch_passes", largest_batch_passes);
	run_add(s, "grow_stat_and_map", grow_stat_and_map);
	run_add(s, "structs_of_other_versions", structs_of_other_versions);
	run_add(s, "impossible_arguments", impossible_arguments);
	run_add(s, "nobody_listens", nobody_listens);
	run_add(s, "standard_descriptors_are_left_alone", standard_descriptors_are_left_alone);
	return suite_run(s);
}
