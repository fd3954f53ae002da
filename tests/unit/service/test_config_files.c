/*
 * test_config_files - a configuration in several files
 *
 * Role:       unit tests of service/config_files, config_file, config_told, config_print and config_diff: what goes over what, that each mistake names its file and line,
 *             and that what is printed is what is in force.
 * Uses:       service/, check
 */
#include <sys/stat.h>

#include "service/config_diff.h"
#include "tests/unit/service/fixture.h"
#include "tests/unit/suite.h"

#define FILES_MAX 6

/* Below the folder of the test; ends with an empty name. A text that begins with "-> " is a link. */
struct file {
	const char *name, *text;
};

static char folder[] = "/tmp/pallocd-files-XXXXXX";
static char conf[160];
static const char *const folders[] = {"conf.d", "regions.d"};

static void path_of(const char *name, char path[static 160])
{
	snprintf(path, 160, "%s/%s", folder, name);
}

static void files_write(const struct file *files)
{
	char path[160];

	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	path_of("conf", conf);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		path_of(folders[i], path);
		ck_assert_int_eq(mkdir(path, 0755), 0);
	}
	for (; files->name; files++) {
		FILE *file;

		path_of(files->name, path);
		if (strncmp(files->text, "-> ", 3) == 0) {
			ck_assert_int_eq(symlink(files->text + 3, path), 0);
			continue;
		}
		file = fopen(path, "w");
		ck_assert_ptr_nonnull(file);
		fputs(files->text, file);
		fclose(file);
	}
}

static void files_remove(const struct file *files)
{
	char path[160];

	for (; files->name; files++) {
		path_of(files->name, path);
		unlink(path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		path_of(folders[i], path);
		rmdir(path);
	}
	ck_assert_int_eq(rmdir(folder), 0);
}

static int files_load(struct config *c, const struct file *files, const char **regions,
		      size_t nregions)
{
	struct options o = {.config = conf, .regions = regions, .nregions = nregions};
	int err;

	files_write(files);
	err = config_load(c, &o);
	files_remove(files);
	return err;
}

START_TEST(later_files_go_over_earlier_ones_key_by_key)
{
	static const struct file files[] = {
		{"conf", "[Daemon]\nUserSessions=1\nUserWaiting=2\n"
			 "[Region a]\nLimit=1M\nInitial=4K\nAllow=0:grow\nReserve=0:4K\n"},
		{"conf.d/9.conf", "[Region a]\nInitial=8K\n[Daemon]\nUserWaiting=4\n"},
		{"conf.d/10.conf",
		 "[Daemon]\nUserWaiting=3\n[Region a]\nInitial=12K\nAllow=1:grow\n"
		 "[Region c]\nLimit=2M\n"},
		{"conf.d/README", "this is none"},
		{"conf.d/.hidden.conf", "nor is this"},
		{NULL, NULL}};
	struct config c;

	ck_assert_int_eq(files_load(&c, files, NULL, 0), 0);
	ck_assert_uint_eq(c.user_limits.sessions, 1);
	/* Bytes decide: 10 comes before 9. */
	ck_assert_uint_eq(c.user_limits.waiting, 4);
	ck_assert_uint_eq(c.nregions, 2);
	ck_assert_uint_eq(c.regions[0].config.limit_bytes, 1 << 20);
	ck_assert_uint_eq(c.regions[0].config.initial_bytes, 8192);
	/* Lists become longer. */
	ck_assert_uint_eq(c.regions[0].config.nrules, 2);
	ck_assert_uint_eq(c.regions[0].config.rules[1].id, 1);
	ck_assert_uint_eq(c.regions[0].config.nholes, 1);
	ck_assert_str_eq(c.regions[1].config.name, "c");
	config_deinit(&c);
}
END_TEST

START_TEST(an_empty_value_takes_a_list_back)
{
	static const struct file files[] = {
		{"conf", "[Region a]\nLimit=1M\nAllow=0:grow\nAllow=\nAllow=1:grow\n"
			 "Reserve=0:4K\nReserve=8K:4K\n"},
		{"conf.d/1.conf", "[Region a]\nReserve=\nReserve=16K:4K\n"},
		{"conf.d/2.conf", "[Region a]\nAllow=\n"},
		{NULL, NULL}};
	const char *regions[] = {"a,reserve="};
	struct config c;

	ck_assert_int_eq(files_load(&c, files, NULL, 0), 0);
	ck_assert_uint_eq(c.regions[0].config.nrules, 0);
	ck_assert_uint_eq(c.regions[0].config.nholes, 1);
	ck_assert_uint_eq(c.regions[0].config.holes[0].addr, 16384);
	config_deinit(&c);
	ck_assert_int_eq(files_load(&c, files, regions, 1), 0);
	ck_assert_uint_eq(c.regions[0].config.nholes, 0);
	config_deinit(&c);
}
END_TEST

START_TEST(region_files)
{
	static const struct file files[] = {
		{"conf", "[Daemon]\n"},
		{"regions.d/b.region", "# one region\n[Region]\nLimit=2M\n"},
		{"regions.d/a.x.region", "[Region]\nLimit=1M\n"},
		{"regions.d/gone.region", "-> /dev/null"},
		{"regions.d/b.region.bak", "no configuration"},
		{NULL, NULL}};
	struct config c;

	ck_assert_int_eq(files_load(&c, files, NULL, 0), 0);
	ck_assert_uint_eq(c.nregions, 2);
	ck_assert_str_eq(c.regions[0].config.name, "a.x");
	ck_assert_str_eq(c.regions[1].config.name, "b");
	ck_assert_uint_eq(c.regions[1].config.limit_bytes, 2 << 20);
	config_deinit(&c);
}
END_TEST

/* What a later file says about the memory replaces what an earlier one does, as a whole; the same for what becomes of extents. */
START_TEST(a_later_backing_replaces_an_earlier_one)
{
	static const struct file files[] = {
		{"conf", "[Region a]\nLimit=1M\nFile=/a/b\nFileFolder=/a\nRetain=20%\n"
			 "Death=quarantine\nQuarantine=1s\n"},
		{"conf.d/1.conf", "[Region a]\nBacking=memfd\nDeath=free\n"},
		{"conf.d/2.conf", "[Region a]\nInitial=4K\n"},
		{NULL, NULL}};
	struct config c;

	ck_assert_int_eq(files_load(&c, files, NULL, 0), 0);
	ck_assert_int_eq(c.regions[0].backing.kind, BACKING_MEMFD);
	ck_assert_str_eq(c.regions[0].backing.path, "");
	ck_assert_str_eq(c.regions[0].backing.folder, "");
	ck_assert_uint_eq(c.regions[0].config.retain_percent, 20);
	ck_assert_int_eq(c.regions[0].config.death, REGION_DEATH_FREE);
	ck_assert_uint_eq(c.regions[0].config.quarantine_usec, 0);
	config_deinit(&c);
}
END_TEST

#define LINE150                                                                            \
	"123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 " \
	"123456789 123456789 123456789 123456789 123456789 123456789 123456789 "

static const struct bad_files {
	struct file files[FILES_MAX];
	const char *says[3];
} bad_files[] = {
	{{{"conf", "[Region a]\nLimit=1M\n"}, {"conf.d/1.conf", "\n[Region a]\nLimits=1M\n"}},
	 {"/conf.d/1.conf:3: a region has no key 'Limits'"}},
	{{{"conf", "[Region a]\nLimit=1M\n"}, {"conf.d/1.conf", "[Region a]\nInitial=1Q\n"}},
	 {"/conf.d/1.conf:2: Initial=1Q is no size"}},
	{{{"conf", "[Region a]\nLimit=1M\n"},
	  {"conf.d/1.conf", "[Region a]\nInitial=4K\nInitial=4K\n"}},
	 {"/conf.d/1.conf:3: 'Initial' is set twice"}},
	{{{"conf", "[Region a]\nLimit=1M\n"},
	  {"conf.d/1.conf", "[Region a]\nInitial=4K\n[Daemon]\n[Region a]\n"}},
	 {"/conf.d/1.conf:4: there is a section [Region a] already"}},
	{{{"conf", "[Region a]\nLimit=1M\n"}, {"conf.d/1.conf", "[Daemon]\n[Daemon]\n"}},
	 {"/conf.d/1.conf:2: there is a section [Daemon] already"}},
	{{{"conf", "[Region a]\nLimit=1M\n"},
	  {"conf.d/1.conf", "[Region a]\nFile=/x/" LINE150 LINE150 "\n"}},
	 {"/conf.d/1.conf:2: the line has ", "199 are possible"}},
	{{{"conf", "[Region a]\nLimit=1M\n"}, {"conf.d/1.conf", "[Region a]\nQuarantine=1s\n"}},
	 {"/conf.d/1.conf:1: region 'a': Quarantine= says how long"}},
	{{{"conf", "[Region a]\nLimit=1M\n"}, {"regions.d/a.region", "[Region]\nLimit=1M\n"}},
	 {"/regions.d/a.region:1: region a is told at ", "/conf:1 already"}},
	{{{"conf", ""}, {"regions.d/a.region", "[Region a]\nLimit=1M\n"}},
	 {"/regions.d/a.region:1: [Region a] does not belong here", "in one section [Region]"}},
	{{{"conf", ""}, {"regions.d/a.region", "[Region]\nLimit=1M\n[Region]\n"}},
	 {"/regions.d/a.region:3: there is a section [Region] already"}},
	{{{"conf", ""}, {"regions.d/a.region", "Limit=1M\n"}},
	 {"/regions.d/a.region:1: 'Limit' stands before any section: put it below [Region]"}},
	{{{"conf", ""}, {"regions.d/a.region", "# nothing\n"}},
	 {"/regions.d/a.region: there is no section [Region] in it"}},
	{{{"conf", ""}, {"regions.d/a b.region", "[Region]\nLimit=1M\n"}},
	 {"/regions.d/a b.region:1: region 'a b': ", "letters, digits"}},
	{{{"conf", ""}, {"regions.d/a.region", "-> /nonexistent/x"}},
	 {"/regions.d/a.region: cannot be read: No such file"}},
	{{{"conf", "[Region a]\nLimit=1M\n[Region]\nLimit=1M\n"}},
	 {"/conf:3: there is no section [Region]: use [Daemon] or [Region NAME]"}},
};

START_TEST(mistakes_name_file_and_line)
{
	const struct bad_files *b = &bad_files[_i];
	struct config c;

	log_capture();
	ck_assert_int_eq(files_load(&c, b->files, NULL, 0), CONFIG_E_BAD);
	config_deinit(&c);
	for (size_t i = 0; i < ARRAY_SIZE(b->says) && b->says[i]; i++)
		ck_assert_msg(strstr(log_text(), b->says[i]), "wanted '%s', got '%s'", b->says[i],
			      log_text());
	/* It can be told again elsewhere. */
	ck_assert_ptr_nonnull(strstr(log_text(), config_complaint()));
}
END_TEST

/* All that config_print() says about @c. */
static char *printed(const struct config *c)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(config_print(c, out), 0);
	fclose(out);
	return text;
}

static const struct file rich[] = {
	{"conf", "[Daemon]\nUserSessions=1\nHelloTimeout=1min 30s\n"
		 "[Region a]\nLimit=1M\nBase=1M\nInitial=4K\nAllow=0:grow\nFile=/a/b\n"},
	{"conf.d/1.conf", "[Region a]\nAllow=1:all\nInitial=8K\nBacking=memfd\nLowSpace=10%\n"},
	{"regions.d/b.region", "[Region]\nLimit=2M\nDeath=quarantine\nQuarantine=infinity\n"},
	{NULL, NULL}};

START_TEST(each_value_is_printed_with_its_source)
{
	static const char *const says[] = {"[Daemon]\n",
					   "/conf:2\nUserSessions=1\n",
					   "# default\nUserWaiting=1024\n",
					   "\n[Region a]\n",
					   "/conf:5\nLimit=1M\n",
					   "/conf.d/1.conf:3\nInitial=8K\n",
					   "/conf:8\nAllow=0:grow\n",
					   "/conf.d/1.conf:2\nAllow=1:all\n",
					   "/conf.d/1.conf:4\nBacking=memfd\n",
					   "# default\nCommit=lazy\n",
					   "\n[Region b]\n",
					   "/regions.d/b.region:2\nLimit=2M\n",
					   "# --region b,initial=4K\nInitial=4K\n",
					   "# default\nBacking=none\n"};
	static const char *const says_not[] = {"File=", "Initial=4K\n# ", "StoreDirectory"};
	const char *regions[] = {"b,initial=4K"};
	struct config c;
	char *text;

	ck_assert_int_eq(files_load(&c, rich, regions, 1), 0);
	text = printed(&c);
	for (size_t i = 0; i < ARRAY_SIZE(says); i++)
		ck_assert_msg(strstr(text, says[i]), "wanted '%s' in '%s'", says[i], text);
	ck_assert_ptr_null(strstr(text, says_not[0]));
	ck_assert_ptr_null(strstr(text, says_not[2]));
	/* What is about memory is not said of a region without any. */
	ck_assert_ptr_null(strstr(strstr(text, "[Region b]"), "Commit"));
	free(text);
	config_deinit(&c);
}
END_TEST

/* The same region, whatever it was told by. */
static void assert_same(struct config_region *a, struct config_region *b)
{
	/* A default that can be told is as good as one that is not. */
	if (!a->config.user_extents)
		a->config.user_extents = REGION_USER_EXTENTS_DEFAULT;
	if (!a->config.session_extents)
		a->config.session_extents = UINT32_MAX;
	ck_assert_int_eq(memcmp(&a->config, &b->config, sizeof(a->config)), 0);
	ck_assert_int_eq(a->backing.kind, b->backing.kind);
	ck_assert_str_eq(a->backing.path, b->backing.path);
	ck_assert_str_eq(a->backing.folder, b->backing.folder);
	ck_assert_uint_eq(a->backing.huge_bytes, b->backing.huge_bytes);
	ck_assert_int_eq(a->backing.numa, b->backing.numa);
}

START_TEST(what_is_printed_can_be_read_again)
{
	struct config c, again;
	char *text, *second;

	ck_assert_int_eq(files_load(&c, rich, NULL, 0), 0);
	text = printed(&c);
	ck_assert_int_eq(load(&again, text, strlen(text), NULL, 0), 0);
	ck_assert_uint_eq(again.nregions, c.nregions);
	for (size_t i = 0; i < c.nregions; i++)
		assert_same(&c.regions[i], &again.regions[i]);
	ck_assert_int_eq(memcmp(&c.user_limits, &again.user_limits, sizeof(c.user_limits)), 0);
	ck_assert_uint_eq(c.hello_timeout_msec, again.hello_timeout_msec);
	ck_assert_uint_eq(c.frame_timeout_msec, again.frame_timeout_msec);
	ck_assert_uint_eq(c.send_timeout_msec, again.send_timeout_msec);
	ck_assert_uint_eq(c.restart_grace_msec, again.restart_grace_msec);
	ck_assert_uint_eq(c.socket_mode, again.socket_mode);
	ck_assert_int_eq(c.log_level, again.log_level);
	ck_assert_str_eq(c.socket, again.socket);
	/* And says of itself what it was. */
	second = printed(&again);
	ck_assert_ptr_nonnull(strstr(second, "[Region b]"));
	free(second);
	free(text);
	config_deinit(&c);
	config_deinit(&again);
}
END_TEST

/* A reload can change what config_diff has no row for: each key is meant by somebody. */
START_TEST(each_key_is_live_or_not)
{
	static const char frozen[] =
		" Base PageSize BestFit Reserve Durability Backing File FileFolder "
		"HugePageSize NumaPolicy Socket SocketMode StoreDirectory "
		"StateDirectory ";
	const char *key, *option;
	char word[64];

	for (size_t i = 0; config_region_key(i, &key, &option); i++) {
		snprintf(word, sizeof(word), " %s ", key);
		ck_assert_msg(config_region_live(i) == !strstr(frozen, word), "%s", key);
	}
	for (size_t i = 0; config_daemon_key(i, &key); i++) {
		snprintf(word, sizeof(word), " %s ", key);
		ck_assert_msg(config_daemon_live(i) == !strstr(frozen, word), "%s", key);
	}
}
END_TEST

/* Two spellings of one value are no change. */
START_TEST(what_is_the_same_may_stay)
{
	static const struct file was[] = {{"conf", "[Region a]\nLimit=1M\nBase=1M\nInitial=4K\n"},
					  {NULL, NULL}};
	static const struct file is[] = {
		{"conf", "[Region a]\nLimit=1024K\nBase=0x100000\nPageSize=4096\nInitial=8K\n"},
		{NULL, NULL}};
	struct config a, b;

	ck_assert_int_eq(files_load(&a, was, NULL, 0), 0);
	ck_assert_int_eq(files_load(&b, is, NULL, 0), 0);
	ck_assert_int_eq(config_region_may(&a.regions[0], &b.regions[0]), 0);
	ck_assert_int_eq(config_daemon_may(&a, &b), 0);
	config_deinit(&a);
	config_deinit(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_files");
	TCase *tc = tcase_create("config_files");

	tcase_add_test(tc, later_files_go_over_earlier_ones_key_by_key);
	tcase_add_test(tc, an_empty_value_takes_a_list_back);
	tcase_add_test(tc, region_files);
	tcase_add_test(tc, a_later_backing_replaces_an_earlier_one);
	tcase_add_loop_test(tc, mistakes_name_file_and_line, 0, (int)ARRAY_SIZE(bad_files));
	tcase_add_test(tc, each_value_is_printed_with_its_source);
	tcase_add_test(tc, what_is_printed_can_be_read_again);
	tcase_add_test(tc, each_key_is_live_or_not);
	tcase_add_test(tc, what_is_the_same_may_stay);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
