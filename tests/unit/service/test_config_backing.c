/*
 * test_config_backing - what a configuration says about the memory behind a region's addresses
 *
 * Role:       values, what goes with what, and an option over a file; then what the daemon makes of it: regions that it opens, and those that it leaves out.
 * Uses:       service/, check
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "service/daemon.h"
#include "tests/unit/service/fixture.h"
#include "tests/unit/suite.h"

#define R "[Region a]\n" L
#define MANY "/1234567890123456789012345678901234567890123456789012345678901234567890123456789"
#define MANY8 MANY MANY MANY MANY MANY MANY MANY MANY

static const struct bad_case bad_cases[] = {
	{R "Backing=ram\n", 3,
	 "Backing=ram is nothing that can stand behind addresses: use none, memfd, hugetlb or "
	 "file"},
	{R "Backing=\n", 3, "use none, memfd"},
	{R "Backing=MEMFD\n", 3, "use none, memfd"},
	{R "File=some/file\n", 3, "File=some/file is no absolute path: begin it with /"},
	{R "File=\n", 3, "is no absolute path"},
	{R "FileFolder=here\n", 3, "FileFolder=here is no absolute path"},
	{R "HugePageSize=4M\n", 3, "HugePageSize=4M is no size of huge pages: use 2M or 1G"},
	{R "HugePageSize=yes\n", 3, "use 2M or 1G"},
	{R "NumaPolicy=local\n", 3, "NumaPolicy=local is no policy: use default, bind:NODES"},
	{R "NumaPolicy=bind\n", 3, "is no policy"},
	{R "NumaPolicy=bind:\n", 3, "is no policy"},
	{R "NumaPolicy=bind:1024\n", 3, "nodes below 1024 such as 0-1,3"},
	{R "NumaPolicy=preferred:0-1\n", 3, "preferred:NODE"},
	{R "NumaPolicy=default:0\n", 3, "is no policy"},
	{R "Commit=now\n", 3, "Commit=now does not say when there shall be memory: use lazy "},
	{R "Sanitize=maybe\n", 3, "neither yes nor no"},
	{R "Retain=101\n", 3, "Retain=101 is no part of the peak: write 0 to 100 percent"},
	{R "Retain=0.5\n", 3, "is no part of the peak"},
	{R "Retain=-1\n", 3, "is no part of the peak"},
	{R "Retain=%\n", 3, "is no part of the peak"},
	{R "Retain=99999999999999999999\n", 3, "is no part of the peak"},
	{R "ScavengeDelay=soon\n", 3, "ScavengeDelay=soon is no time"},
	{R "ScavengeDelay=-1\n", 3, "is no time"},
	{R "ScavengeCPU=101\n", 3, "ScavengeCPU=101 is no part of a processor: write 0.0001 to"},
	{R "ScavengeCPU=100.0001\n", 3, "is no part of a processor"},
	{R "ScavengeCPU=0.00001\n", 3, "is no part of a processor"},
	{R "ScavengeCPU=1.\n", 3, "is no part of a processor"},
	{R "ScavengeCPU=.5\n", 3, "is no part of a processor"},
	{R "ScavengeCPU=1%%\n", 3, "is no part of a processor"},
	{R "Backing=memfd\nBacking=memfd\n", 4, "set twice"},
	/* What only several keys together can tell. */
	{R "Backing=file\n", 1, "region 'a': Backing=file does not say which file: add File=PATH"},
	{R "Backing=memfd\nFile=/x\n", 1,
	 "region 'a': File= goes with Backing=file alone, and there is another Backing=: leave "
	 "one"},
	{R "Backing=none\nFile=/x\n", 1, "File= goes with Backing=file alone"},
	{R "HugePageSize=2M\nBacking=memfd\n", 1, "HugePageSize= goes with Backing=hugetlb alone"},
	{R "HugePageSize=2M\nFile=/x\n", 1,
	 "HugePageSize= goes with Backing=hugetlb alone, and there is another File=: leave one"},
	{R "Backing=memfd\nFileFolder=/x\n", 1,
	 "region 'a': FileFolder= is for files, and memfd is none: leave it out, or add File=PATH"},
	{R "FileFolder=/x\n", 1, "FileFolder= is about memory, and there is none"},
	{R "NumaPolicy=bind:0\n", 1, "NumaPolicy= is about memory, and there is none"},
	{R "Commit=alloc\n", 1,
	 "region 'a': Commit= is about memory, and there is none behind its addresses: leave it "
	 "out, or say what there shall be, such as Backing=memfd"},
	{R "Sanitize=yes\n", 1, "Sanitize= is about memory"},
	{R "Retain=5\n", 1, "Retain= is about memory"},
	{R "ScavengeDelay=5\n", 1, "ScavengeDelay= is about memory"},
	{R "ScavengeCPU=5\nBacking=none\n", 1, "ScavengeCPU= is about memory"},
};

START_TEST(mistakes_name_place_and_remedy)
{
	assert_bad(&bad_cases[_i]);
}
END_TEST

static const struct bad_option bad_options[] = {
	{"a,limit=1M,file=/x,huge-page-size=2M", NULL, "huge-page-size= goes with backing=hugetlb"},
	{"a,limit=1M,backing=file", NULL, "backing=file does not say which file: add file=PATH"},
	{"a,limit=1M,commit=alloc", NULL, "commit= is about memory"},
	{"a,limit=1M,backing=memfd,numa-policy=preferred:0+1", NULL, "is no policy"},
	{"a,limit=1M,file=/" MANY8 MANY8 MANY8 MANY8 MANY8 MANY8 MANY8, NULL,
	 "file= has a path of 4481 bytes: 4095 are possible"},
};

START_TEST(wrong_options)
{
	assert_bad_option(&bad_options[_i]);
}
END_TEST

/* @text and an option or NULL, which must be good. */
static struct config loaded(const char *text, const char *option)
{
	const char *regions[] = {option};
	struct config c;

	log_capture();
	ck_assert_msg(load(&c, text, strlen(text), regions, option != NULL) == 0, "%s", log_text());
	return c;
}

START_TEST(without_any_of_it)
{
	struct config c = loaded(R, NULL);
	const struct config_region *r = &c.regions[0];

	ck_assert_int_eq(r->backing.kind, BACKING_NONE);
	ck_assert_ptr_null(r->config.backing);
	ck_assert(!r->config.commit_now);
	ck_assert(!r->config.sanitize);
	ck_assert_uint_eq(r->config.retain_percent, 10);
	ck_assert_uint_eq(r->config.scavenge_delay_usec, 60000000);
	ck_assert_uint_eq(r->config.scavenge_cpu_ppm, 10000);
	config_deinit(&c);
}
END_TEST

START_TEST(all_of_it)
{
	struct config c = loaded(R "Backing=file\nFile=/some/file\nFileFolder=/some\n"
				   "NumaPolicy=interleave:0-1,3\nCommit=alloc\nSanitize=yes\n"
				   "Retain=25%\nScavengeDelay=5s\nScavengeCPU=2.5\n",
				 NULL);
	const struct config_region *r = &c.regions[0];

	ck_assert_int_eq(r->backing.kind, BACKING_FILE);
	ck_assert_str_eq(r->backing.path, "/some/file");
	ck_assert_str_eq(r->backing.folder, "/some");
	ck_assert_int_eq(r->backing.numa, BACKING_NUMA_INTERLEAVE);
	ck_assert_uint_eq(r->backing.nodes[0], 11);
	ck_assert(r->config.commit_now);
	ck_assert(r->config.sanitize);
	ck_assert_uint_eq(r->config.retain_percent, 25);
	ck_assert_uint_eq(r->config.scavenge_delay_usec, 5000000);
	ck_assert_uint_eq(r->config.scavenge_cpu_ppm, 25000);
	config_deinit(&c);
}
END_TEST

static const struct {
	const char *text, *option;
	enum backing_kind kind;
	const char *path;
	uint64_t huge_bytes;
} kinds[] = {
	{R "Backing=none\n", NULL, BACKING_NONE, "", 0},
	{R "Backing=memfd\n", NULL, BACKING_MEMFD, "", 0},
	{R "Backing=hugetlb\n", NULL, BACKING_HUGETLB, "", 0},
	{R "HugePageSize=1G\n", NULL, BACKING_HUGETLB, "", 1 << 30},
	{R "HugePageSize=2M\nBacking=hugetlb\n", NULL, BACKING_HUGETLB, "", 2 << 20},
	{R "File=/x\n", NULL, BACKING_FILE, "/x", 0},
	/* An option goes over the file, and what it replaces is forgotten. */
	{R "File=/x\nFileFolder=/\n", "a,backing=memfd", BACKING_MEMFD, "", 0},
	{R "File=/x\n", "a,file=/y", BACKING_FILE, "/y", 0},
	{R "File=/x\n", "a,commit=alloc", BACKING_FILE, "/x", 0},
	{R "Backing=memfd\n", "a,file=/y", BACKING_FILE, "/y", 0},
	{R "Backing=memfd\n", "a,huge-page-size=2M", BACKING_HUGETLB, "", 2 << 20},
	{R "HugePageSize=1G\n", "a,backing=hugetlb", BACKING_HUGETLB, "", 1 << 30},
	{R "HugePageSize=1G\n", "a,huge-page-size=2M", BACKING_HUGETLB, "", 2 << 20},
	{R "HugePageSize=1G\n", "a,file=/y", BACKING_FILE, "/y", 0},
	{R "HugePageSize=1G\nCommit=alloc\nRetain=5\n", "a,backing=none", BACKING_NONE, "", 0},
	{R "Commit=alloc\n", "a,backing=memfd", BACKING_MEMFD, "", 0},
	{R, "a,backing=memfd,sanitize=yes,numa-policy=bind:0+1", BACKING_MEMFD, "", 0},
};

START_TEST(kinds_and_what_they_take_with_them)
{
	struct config c = loaded(kinds[_i].text, kinds[_i].option);
	const struct config_region *r = &c.regions[0];

	ck_assert_int_eq(r->backing.kind, kinds[_i].kind);
	ck_assert_str_eq(r->backing.path, kinds[_i].path);
	ck_assert_uint_eq(r->backing.huge_bytes, kinds[_i].huge_bytes);
	if (r->backing.kind != BACKING_FILE)
		ck_assert_str_eq(r->backing.folder, "");
	if (r->backing.kind == BACKING_NONE) {
		ck_assert(!r->config.commit_now);
		ck_assert_uint_eq(r->config.retain_percent, 10);
	}
	config_deinit(&c);
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		const char *line;
		uint32_t ppm, percent;
		uint64_t usec;
	} cases[] = {
		{"ScavengeCPU=0", 0, 10, 60000000},
		{"ScavengeCPU=0.0001%", 1, 10, 60000000},
		{"ScavengeCPU=12.25", 122500, 10, 60000000},
		{"ScavengeCPU=100%", 1000000, 10, 60000000},
		{"ScavengeCPU=007.5000", 75000, 10, 60000000},
		{"Retain=0", 10000, 0, 60000000},
		{"Retain=100%", 10000, 100, 60000000},
		{"ScavengeDelay=0", 10000, 10, 0},
		{"ScavengeDelay=0ms", 10000, 10, 0},
		{"ScavengeDelay=1500ms", 10000, 10, 1500000},
		{"ScavengeDelay=infinity", 10000, 10, UINT64_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct region_config *r;
		char text[128];
		struct config c;

		snprintf(text, sizeof(text), R "Backing=memfd\n%s\n", cases[i].line);
		c = loaded(text, NULL);
		r = &c.regions[0].config;
		ck_assert_msg(r->scavenge_cpu_ppm == cases[i].ppm &&
				      r->retain_percent == cases[i].percent &&
				      r->scavenge_delay_usec == cases[i].usec,
			      "%s: %u, %u, %llu", cases[i].line, r->scavenge_cpu_ppm,
			      r->retain_percent, (unsigned long long)r->scavenge_delay_usec);
		config_deinit(&c);
	}
}
END_TEST

/* With @rs open; what is behind the regions goes with them once they know of it. */
static int regions_open(struct regions *rs, struct config *c)
{
	static struct keep k; /* without a store */

	regions_init(rs, geteuid());
	log_capture();
	return daemon_regions_open(rs, c, &k);
}

START_TEST(a_region_that_cannot_be_opened_is_left_out)
{
	struct config c = loaded("[Region a]\nLimit=1M\nFile=/nonexistent/file\n"
				 "[Region b]\nLimit=1M\nBacking=memfd\n"
				 "[Region c]\nLimit=1M\nPageSize=1K\nBacking=memfd\n"
				 "[Region d]\nLimit=1M\n",
				 NULL);
	struct regions rs;

	ck_assert_int_eq(regions_open(&rs, &c), 0);
	ck_assert_uint_eq(rs.n, 2);
	ck_assert_ptr_nonnull(regions_by_name(&rs, "b"));
	ck_assert_ptr_nonnull(regions_by_name(&rs, "d"));
	ck_assert_msg(strstr(log_text(), ":1: region a is left out: /nonexistent/file cannot be "
					 "found: No such file or directory\n"),
		      "%s", log_text());
	ck_assert_msg(strstr(log_text(), ":7: region c is left out: memory comes in units of 4K"),
		      "%s", log_text());
	ck_assert_msg(strstr(log_text(), "region b: memfd of 1M, memory in units of 4K\n"), "%s",
		      log_text());
	ck_assert_ptr_null(strstr(log_text(), "region d"));
	regions_deinit(&rs);
	/* The same beforehand: it would start. */
	log_capture();
	ck_assert_int_eq(daemon_check(&c), EXIT_CODE_OK);
	ck_assert_msg(strstr(log_text(), "good, but as this host is now 2 of its 4 regions would"),
		      "%s", log_text());
	config_deinit(&c);
}
END_TEST

START_TEST(no_region_is_left)
{
	struct config c = loaded(R "File=/nonexistent/file\n", NULL);
	struct regions rs;

	ck_assert_int_eq(regions_open(&rs, &c), DAEMON_E_NO_REGION);
	ck_assert_msg(strstr(log_text(), "no region is left to serve"), "%s", log_text());
	regions_deinit(&rs);
	log_capture();
	ck_assert_int_eq(daemon_check(&c), EXIT_CODE_USAGE);
	ck_assert_msg(strstr(log_text(), "the daemon would not start"), "%s", log_text());
	config_deinit(&c);
}
END_TEST

/* @path: "…XXXXXX"; of 1 MiB. */
static void file_make(char *path, mode_t mode)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(ftruncate(fd, 1 << 20), 0);
	close(fd);
}

START_TEST(one_file_is_for_one_region)
{
	char path[] = "/dev/shm/pallocd-test-XXXXXX", text[256];
	struct regions rs;
	struct config c;

	file_make(path, 0600);
	snprintf(text, sizeof(text),
		 "[Region a]\nLimit=1M\nFile=%s\n[Region b]\nLimit=1M\nFile=/dev/shm/../%s\n", path,
		 path + strlen("/dev/"));
	c = loaded(text, NULL);
	ck_assert_int_eq(regions_open(&rs, &c), 0);
	ck_assert_uint_eq(rs.n, 1);
	ck_assert_msg(
		strstr(log_text(), ":4: region b is left out: its file is that of region a, "),
		"%s", log_text());
	ck_assert_msg(strstr(log_text(), "not sealed: who may write it may shorten it"), "%s",
		      log_text());
	ck_assert_ptr_null(strstr(log_text(), "chmod 600"));
	regions_deinit(&rs);
	config_deinit(&c);
	unlink(path);
}
END_TEST

START_TEST(a_file_that_others_may_write_is_told_of)
{
	char path[] = "/dev/shm/pallocd-test-XXXXXX", text[256];
	struct config c;

	file_make(path, 0660);
	snprintf(text, sizeof(text), "[Region a]\nLimit=1M\nFile=%s\n", path);
	c = loaded(text, NULL);
	log_capture();
	ck_assert_int_eq(daemon_check(&c), EXIT_CODE_OK);
	ck_assert_msg(strstr(log_text(), "may be written by others than its owner (mode 0660)"),
		      "%s", log_text());
	config_deinit(&c);
	unlink(path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_backing");
	TCase *tc = tcase_create("config_backing");

	tcase_add_loop_test(tc, mistakes_name_place_and_remedy, 0, (int)ARRAY_SIZE(bad_cases));
	tcase_add_loop_test(tc, wrong_options, 0, (int)ARRAY_SIZE(bad_options));
	tcase_add_test(tc, without_any_of_it);
	tcase_add_test(tc, all_of_it);
	tcase_add_loop_test(tc, kinds_and_what_they_take_with_them, 0, (int)ARRAY_SIZE(kinds));
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, a_region_that_cannot_be_opened_is_left_out);
	tcase_add_test(tc, no_region_is_left);
	tcase_add_test(tc, one_file_is_for_one_region);
	tcase_add_test(tc, a_file_that_others_may_write_is_told_of);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
