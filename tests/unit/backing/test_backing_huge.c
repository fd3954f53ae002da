/*
 * test_backing_huge - memory in huge pages, and how many there must be
 *
 * Role:       takes some huge pages from the system for the time of the test, one such test at a time on a machine, and puts them back.
 * Uses:       backing/, check
 */
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>

#include "tests/unit/backing/fixture.h"
#include "tests/unit/suite.h"

#define HUGE (2 * M)
#define NPAGES 4u
#define NR_FILE HUGE_SYSFS "/hugepages-2048kB/nr_hugepages"
#define LOCK_FILE "/tmp/pallocd-test-hugepages.lock"

static const struct backing_config huge = {.kind = BACKING_HUGETLB, .huge_bytes = HUGE};
static bool have_pages; /* NPAGES are ours */

static uint64_t pages_free(void)
{
	uint64_t n = 0;

	ck_assert(number_read(HUGE_SYSFS "/hugepages-2048kB/free_hugepages", NULL, &n));
	return n;
}

START_TEST(memory_comes_and_goes_in_huge_pages)
{
	struct backing *b;
	uint64_t before;

	if (!have_pages)
		SKIP("no huge pages to be had, see " NR_FILE);
	before = pages_free();
	b = must_open(&huge, NPAGES * HUGE, HUGE);
	ck_assert_uint_eq(b->info.page_bytes, HUGE);
	ck_assert(b->info.releases);
	ck_assert(b->info.sealed);
	assert_memory_comes_and_goes(b);
	ck_assert_int_eq(backing_commit(b, 0, 2 * HUGE), 0);
	ck_assert_uint_eq(pages_free(), before - 2);
	ck_assert_int_eq(backing_release(b, HUGE, HUGE), 0);
	ck_assert_uint_eq(pages_free(), before - 1);
	backing_close(b);
	ck_assert_uint_eq(pages_free(), before);
}
END_TEST

START_TEST(sealed_and_for_readers_only)
{
	struct backing *b;

	if (!have_pages)
		SKIP("no huge pages to be had, see " NR_FILE);
	b = must_open(&huge, HUGE, 2 * HUGE);
	ck_assert_int_eq(ftruncate(backing_fd(b, true), 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(backing_fd(b, true), 2 * HUGE), -1);
	ck_assert_ptr_eq(
		mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, backing_fd(b, false), 0),
		MAP_FAILED);
	ck_assert_int_eq(errno, EACCES);
	backing_close(b);
}
END_TEST

START_TEST(the_default_size_and_a_policy)
{
	struct backing_config c = {
		.kind = BACKING_HUGETLB, .numa = BACKING_NUMA_BIND, .nodes = {1}};
	uint64_t kib = 0, before;
	struct backing *b;

	if (!have_pages)
		SKIP("no huge pages to be had, see " NR_FILE);
	ck_assert(number_read("/proc/meminfo", "Hugepagesize:", &kib));
	if (kib * K != HUGE)
		SKIP("the default huge page is not one of 2 MiB");
	before = pages_free();
	b = must_open(&c, NPAGES * HUGE, HUGE);
	ck_assert_uint_eq(b->info.page_bytes, HUGE);
	/* Neither the policy nor anything else claims pages for good. */
	ck_assert_uint_eq(pages_free(), before);
	backing_close(must_open(&c, NPAGES * HUGE, HUGE));
	backing_close(b);
}
END_TEST

START_TEST(more_than_there_are)
{
	char says[256];

	if (!have_pages)
		SKIP("no huge pages to be had, see " NR_FILE);
	snprintf(says, sizeof(says),
		 "%" PRIu64 " huge pages of 2M are free, and 1048576 are needed for all of its 2T: "
		 "write ",
		 pages_free());
	must_refuse(&huge, HUGE << 20, HUGE, BACKING_E_NO_MEMORY, says);
	must_refuse(&huge, HUGE << 20, HUGE, BACKING_E_NO_MEMORY,
		    " to " NR_FILE " (sysctl vm.nr_hugepages)");
}
END_TEST

/* Room was there at the beginning, and others took it. */
START_TEST(a_commit_without_pages)
{
	struct backing *a, *b;

	if (!have_pages)
		SKIP("no huge pages to be had, see " NR_FILE);
	a = must_open(&huge, pages_free() * HUGE, HUGE);
	b = must_open(&huge, NPAGES * HUGE, HUGE);
	ck_assert_int_eq(backing_commit(a, 0, a->info.bytes - HUGE), 0);
	ck_assert_int_eq(backing_commit(b, 0, 2 * HUGE), BACKING_E_NO_MEMORY);
	ck_assert_int_eq(backing_release(b, 0, 2 * HUGE), 0);
	ck_assert_int_eq(backing_commit(b, HUGE, HUGE), 0);
	backing_close(b);
	backing_close(a);
}
END_TEST

START_TEST(a_file_of_hugetlbfs)
{
	char folder[] = "/tmp/pallocd-huge-XXXXXX";
	struct backing_config c = {.kind = BACKING_FILE};
	struct backing *b;
	int fd;

	if (!have_pages)
		SKIP("no huge pages to be had, see " NR_FILE);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, ""))
		SKIP("needs root and a mount namespace");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(mount("none", folder, "hugetlbfs", 0, "pagesize=2M"), 0);
	snprintf(c.path, sizeof(c.path), "%s/file", folder);
	fd = open(c.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, NPAGES * HUGE), 0);
	close(fd);
	must_refuse(&c, NPAGES * HUGE, PAGE, BACKING_E_CONFIG, "comes in units of 2M");
	b = must_open(&c, NPAGES * HUGE, HUGE);
	ck_assert(!b->info.sealed);
	ck_assert_uint_eq(b->info.page_bytes, HUGE);
	assert_memory_comes_and_goes(b);
	backing_close(b);
	ck_assert_int_eq(truncate(c.path, (off_t)(HUGE << 20)), 0);
	must_refuse(&c, HUGE << 20, HUGE, BACKING_E_NO_MEMORY, "huge pages of 2M are free");
	ck_assert_int_eq(umount(folder), 0);
	rmdir(folder);
}
END_TEST

START_TEST(pages_smaller_than_huge_ones)
{
	must_refuse(&huge, HUGE, PAGE, BACKING_E_CONFIG,
		    "memory comes in units of 2M there, and the region's pages have 4K");
}
END_TEST

/* A sysfs of our own: numbers in files. */
static void sysfs_write(const char *root, const char *name, uint64_t value)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/hugepages-2048kB/%s", root, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "%" PRIu64 "\n", value);
	fclose(file);
}

static void sysfs_remove(const char *root)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -r '%s'", root);
	ck_assert_int_eq(system(command), 0);
}

static const struct {
	uint64_t free, reserved, overcommit, surplus, left;
} systems[] = {
	{0, 0, 0, 0, 0}, {5, 0, 0, 0, 5}, {5, 2, 0, 0, 3},  {2, 5, 0, 0, 0},
	{0, 0, 5, 0, 5}, {1, 0, 5, 3, 3}, {10, 5, 3, 5, 5},
};

/* What others have a claim to does not count, what the kernel would make on demand does. */
START_TEST(counting_what_is_left)
{
	char root[] = "/tmp/pallocd-sysfs-XXXXXX", folder[64], text[512], says[64];
	const struct backing_why why = {text, sizeof(text)};
	const uint64_t left = systems[_i].left;

	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(huge_check(root, HUGE, HUGE, &why), BACKING_E_CONFIG);
	ck_assert_msg(strstr(text, "no huge pages of 2M"), "%s", text);
	snprintf(folder, sizeof(folder), "%s/hugepages-2048kB", root);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	sysfs_write(root, "nr_hugepages", 40);
	sysfs_write(root, "free_hugepages", systems[_i].free);
	sysfs_write(root, "resv_hugepages", systems[_i].reserved);
	sysfs_write(root, "nr_overcommit_hugepages", systems[_i].overcommit);
	sysfs_write(root, "surplus_hugepages", systems[_i].surplus);
	ck_assert_int_eq(huge_check(root, HUGE, left * HUGE, &why), 0);
	ck_assert_int_eq(huge_check(root, HUGE, (left + 2) * HUGE, &why), BACKING_E_NO_MEMORY);
	snprintf(says, sizeof(says), "%" PRIu64 " huge pages of 2M are free, and %" PRIu64 " are",
		 left, left + 2);
	ck_assert_msg(strstr(text, says), "wanted '%s', got '%s'", says, text);
	ck_assert_msg(strstr(text, "write 42 to "), "%s", text);
	sysfs_remove(root);
}
END_TEST

static Suite *suite_make(void)
{
	Suite *suite = suite_create("backing_huge");
	TCase *tc = tcase_create("backing_huge");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, memory_comes_and_goes_in_huge_pages);
	tcase_add_test(tc, sealed_and_for_readers_only);
	tcase_add_test(tc, the_default_size_and_a_policy);
	tcase_add_test(tc, more_than_there_are);
	tcase_add_test(tc, a_commit_without_pages);
	tcase_add_test(tc, a_file_of_hugetlbfs);
	tcase_add_test(tc, pages_smaller_than_huge_ones);
	tcase_add_loop_test(tc, counting_what_is_left, 0, (int)ARRAY_SIZE(systems));
	suite_add_tcase(suite, tc);
	return suite;
}

static void nr_write(uint64_t n)
{
	FILE *file = fopen(NR_FILE, "we");

	if (!file)
		return;
	fprintf(file, "%" PRIu64, n);
	fclose(file);
}

int main(void)
{
	/* Other builds' tests want huge pages as well. */
	int lock = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0666), ret;
	uint64_t before = 0, n = 0;
	bool known = number_read(NR_FILE, NULL, &before);

	if (lock >= 0)
		flock(lock, LOCK_EX);
	if (known && number_read(NR_FILE, NULL, &before)) {
		nr_write(before + NPAGES);
		have_pages = number_read(NR_FILE, NULL, &n) && n == before + NPAGES;
	}
	ret = suite_run(suite_make());
	if (known)
		nr_write(before);
	return ret;
}
