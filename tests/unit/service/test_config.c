/*
 * test_config - the configuration file and the options over it
 *
 * Role:       unit tests of service/: what is read, and that every mistake names its place and the remedy.
 * Uses:       service/, check
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/net.h"
#include "service/config.h"
#include "tests/unit/service/fixture.h"

#define LONG_LINE                                                                          \
	"# 3456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 " \
	"123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 " \
	"123456789 123456789 123456789 123456789 123456789"

/* Half of the ranges that there may be. */
#define HOLES                                                              \
	"Reserve=64K:4K\nReserve=72K:4K\nReserve=80K:4K\nReserve=88K:4K\n" \
	"Reserve=96K:4K\nReserve=104K:4K\nReserve=112K:4K\nReserve=120K:4K\n"

#define HOLES2                                                                 \
	"Reserve=192K:4K\nReserve=200K:4K\nReserve=208K:4K\nReserve=216K:4K\n" \
	"Reserve=224K:4K\nReserve=232K:4K\nReserve=240K:4K\nReserve=248K:4K\n"

static const struct bad_case bad_cases[] = {
	{"", 0, "there is no region"},
	{"# nothing\n\n", 0, "--region NAME,limit=SIZE"},
	{"Limit=1M\n", 1, "stands before any section"},
	{"[Region a]\n" L "[Deamon]\n", 3, "use [Daemon] or [Region NAME]"},
	{"[Region a]\n" L "[Region]\n", 3, "use [Daemon] or [Region NAME]"},
	{"[Region a]\n" L "\n[Region a]\n", 4, "already"},
	{"[Daemon]\n[Region a]\n" L "[Daemon]\n", 4, "already"},
	{"[Region a\n" L, 1, "add ']'"},
	{"[Region a] x\n" L, 1, "own line"},
	{"[Region a]\n" L "what\n", 3, "no Key=Value"},
	{"[Region a]\n" L "limit=1M\n", 3, "use Limit, Base"},
	{"[Region a]\n" L "Size=1M\n", 3, "no key 'Size'"},
	{"[Region a]\n" L L, 3, "set twice"},
	{"[Region a]\n" L "BestFit=yes\nBestFit=no\n", 4, "set twice"},
	{"[Region a]\n" L "BestFit=maybe\n", 3, "neither yes nor no"},
	{"[Region a]\n" L "BestFit=\n", 3, "neither yes nor no"},
	{"[Region a]\n" L "BestFit=2\n", 3, "neither yes nor no"},
	{"[Region a]\n" L "Reserve=64K\n", 3, "such as 0xfee00000:1M"},
	{"[Region a]\n" L "Reserve=:64K\n", 3, "is no range"},
	{"[Region a]\n" L "Reserve=64K:\n", 3, "is no range"},
	{"[Region a]\n" L "Reserve=64K:4K:4K\n", 3, "is no range"},
	{"[Region a]\n" L "Reserve=64K:-1\n", 3, "is no range"},
	{"[Region a]\n" L "Reserve=64K:0\n", 3, "is no range"},
	{"[Region a]\n" L "Reserve=000000000000000000000000000000064K:4K\n", 3, "is no range"},
	{"[Region a]\n" L "Reserve=99999999999999999999:x\n", 3, "is no range"},
	{"[Region a]\n" L "Reserve=99999999999999999999:4K\n", 3, "64 bits"},
	{"[Region a]\n" L "Reserve=4K:99999999999999999999\n", 3, "64 bits"},
	{"[Region a]\n" L "Reserve=0xfffffffffffff000:8K\n", 3, "64 bits"},
	{"[Region a]\n" L HOLES HOLES2 "Reserve=0:4K\n", 19, "has 16 ranges in Reserve= already"},
	{"[Region a]\nLimit=\n", 2, "is no size"},
	{"[Region a]\nLimit=1X\n", 2, "such as 16M"},
	{"[Region a]\nLimit=-1\n", 2, "is no size"},
	{"[Region a]\nLimit=99999999999999999999\n", 2, "64 bits"},
	{"[Region a]\nLimit=16777216T\n", 2, "64 bits"},
	{"[Region a]\nBase=0x1000\n", 1, "Limit=SIZE"},
	{"[Daemon]\n\n[Region a]\nLimit=0\n", 3, "no limit"},
	{"[Region a]\n" L "PageSize=3K\n", 1, "power of two"},
	{"[Region a]\n" L "Base=1\n", 1, "multiple of the page size"},
	{"[Region a]\nLimit=5000\n", 1, "multiple of the page size"},
	{"[Region a]\n" L "Initial=2M\n", 1, "above the limit"},
	{"[Region a]\nLimit=16384P\n", 2, "64 bits"},
	{"[Region a]\nLimit=1024P\n", 1, "larger pages"},
	{"[Region a]\nBase=0xfffffffffffff000\nLimit=8K\n", 1, "64-bit addresses"},
	{"[Region a b]\n" L, 1, "letters, digits"},
	{"[Region ]\n" L, 1, "or [Region NAME]"},
	{"[Region 1234567890123456789012345678901234567890123456789012345678901234]\n" L, 1,
	 "64 characters: 63 are possible"},
	{"[Daemon]\nSocket=\n[Region a]\n" L, 2, "1 to 107"},
	{"[Daemon]\nSocketMode=0888\n[Region a]\n" L, 2, "octal"},
	{"[Daemon]\nSocketMode=1777\n[Region a]\n" L, 2, "octal"},
	{"[Daemon]\nMaxConnections=0\n[Region a]\n" L, 2, "from 1 to"},
	{"[Daemon]\nMaxConnections=1K\n[Region a]\n" L, 2, "from 1 to"},
	{"[Daemon]\nLogLevel=loud\n[Region a]\n" L, 2, "use error, warning, info or debug"},
	{"[Daemon]\nLogLevel=info\nLogLevel=info\n[Region a]\n" L, 3, "set twice"},
	{"[Daemon]\nLimit=1M\n[Region a]\n" L, 2, "use Socket, SocketMode"},
	{"[Region a]\n" L LONG_LINE "\n", 3, "199 are possible"},
};

START_TEST(mistakes_name_place_and_remedy)
{
	assert_bad(&bad_cases[_i]);
}
END_TEST

START_TEST(bytes_that_are_no_text)
{
	static const char text[] = "[Region a]\nLimit=1M\0x\n";
	struct config c;

	log_capture();
	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, NULL, 0), CONFIG_E_BAD);
	config_deinit(&c);
	ck_assert_msg(strstr(log_text(), ":2: there is a NUL"), "%s", log_text());
}
END_TEST

START_TEST(a_file_is_read)
{
	static const char text[] =
		"\xef\xbb\xbf# a comment\r\n"
		"; another\n"
		"[Daemon]\n"
		"Socket = /run/x ; where\n"
		"  SocketMode=0600\n"
		"MaxConnections=5\n"
		"LogLevel=debug\n"
		"\n"
		"[Region 123456789012345678901234567890123456789012345678901234567890123] # long\n"
		"Limit=1G\n"
		"  Base = 0x40000000\n"
		"PageSize=2M\n"
		"Initial=64M\n"
		"AutoGrow=32M\n"
		"BestFit=yes\n"
		"Reserve=0x50000000:2M\n"
		"Reserve = 0x60000000:4M ; a hole\n"
		"[ Region b]\n";
	struct config c;

	log_capture();
	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, NULL, 0), CONFIG_E_BAD);
	ck_assert_msg(strstr(log_text(), ":18: there is no section [ Region b]"), "%s", log_text());
	config_deinit(&c);
	log_capture();
	ck_assert_int_eq(load(&c, text, sizeof(text) - 1 - strlen("[ Region b]\n"), NULL, 0), 0);
	ck_assert_str_eq(c.socket, "/run/x");
	ck_assert_uint_eq(c.socket_mode, 0600);
	ck_assert_uint_eq(c.connections_max, 5);
	ck_assert_int_eq(c.log_level, LOG_LEVEL_DEBUG);
	ck_assert_uint_eq(c.nregions, 1);
	ck_assert_uint_eq(strlen(c.regions[0].config.name), 63);
	ck_assert_uint_eq(c.regions[0].config.limit_bytes, 1 << 30);
	ck_assert_uint_eq(c.regions[0].config.base_addr, 1 << 30);
	ck_assert_uint_eq(c.regions[0].config.page_size_bytes, 2 << 20);
	ck_assert_uint_eq(c.regions[0].config.initial_bytes, 64 << 20);
	ck_assert_uint_eq(c.regions[0].config.auto_grow_bytes, 32 << 20);
	ck_assert(c.regions[0].config.best_fit);
	ck_assert_uint_eq(c.regions[0].config.nholes, 2);
	ck_assert_uint_eq(c.regions[0].config.holes[0].addr, 0x50000000);
	ck_assert_uint_eq(c.regions[0].config.holes[0].bytes, 2 << 20);
	ck_assert_uint_eq(c.regions[0].config.holes[1].addr, 0x60000000);
	ck_assert_uint_eq(c.regions[0].config.holes[1].bytes, 4 << 20);
	config_deinit(&c);
}
END_TEST

START_TEST(defaults)
{
	static const char text[] = "[Region a]\nLimit=1M";
	struct config c;

	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, NULL, 0), 0);
	ck_assert_str_eq(c.socket, CONFIG_SOCKET_DEFAULT);
	ck_assert_uint_eq(c.socket_mode, CONFIG_SOCKET_MODE_DEFAULT);
	ck_assert_uint_eq(c.connections_max, 0);
	ck_assert_uint_eq(c.regions[0].config.page_size_bytes, 4096);
	ck_assert_uint_eq(c.regions[0].config.initial_bytes, 0);
	ck_assert_uint_eq(c.regions[0].config.auto_grow_bytes, 0);
	ck_assert(!c.regions[0].config.best_fit);
	ck_assert_uint_eq(c.regions[0].config.nholes, 0);
	ck_assert_int_eq(c.regions[0].config.death, REGION_DEATH_FREE);
	ck_assert_uint_eq(c.regions[0].config.nrules, 0);
	ck_assert_uint_eq(c.regions[0].config.user_bytes, 0);
	ck_assert_uint_eq(c.regions[0].config.user_extents, 0);
	ck_assert_uint_eq(c.regions[0].config.low_bytes, 0);
	ck_assert_uint_eq(c.user_limits.sessions, USER_SESSIONS_DEFAULT);
	ck_assert_uint_eq(c.user_limits.connections, USER_CONNECTIONS_DEFAULT);
	ck_assert_uint_eq(c.user_limits.waiting, USER_WAITING_DEFAULT);
	ck_assert_uint_eq(c.user_limits.queued_bytes, USER_QUEUED_BYTES_DEFAULT);
	ck_assert_uint_eq(c.hello_timeout_msec, NET_HELLO_TIMEOUT_MSEC);
	ck_assert_uint_eq(c.frame_timeout_msec, NET_FRAME_TIMEOUT_MSEC);
	ck_assert_uint_eq(c.send_timeout_msec, NET_SEND_TIMEOUT_MSEC);
	config_deinit(&c);
}
END_TEST

START_TEST(the_longest_line)
{
	char text[400] = "[Region a]\nLimit=1M\n# ";
	struct config c;
	size_t n = strlen(text), begin = n - 2;

	/* 199 characters with the newline. */
	memset(text + n, 'x', 198 - (n - begin));
	strcpy(text + begin + 198, "\n");
	ck_assert_int_eq(load(&c, text, strlen(text), NULL, 0), 0);
	config_deinit(&c);
	/* One more would be cut by libinih: refused. */
	strcpy(text + begin + 198, "x\n");
	log_capture();
	ck_assert_int_eq(load(&c, text, strlen(text), NULL, 0), CONFIG_E_BAD);
	config_deinit(&c);
}
END_TEST

START_TEST(the_builtin_configuration_is_good)
{
	FILE *file = fmemopen((void *)(uintptr_t)config_builtin, strlen(config_builtin), "r");
	struct config c = {0};

	ck_assert_int_eq(config_read(&c, file, "built-in", NULL), 0);
	ck_assert_uint_eq(c.nregions, 1);
	ck_assert_str_eq(c.regions[0].config.name, "demo");
	ck_assert_uint_eq(c.regions[0].config.limit_bytes, UINT64_C(4) << 30);
	ck_assert_uint_eq(c.regions[0].config.initial_bytes, 16 << 20);
	ck_assert_uint_eq(c.regions[0].config.auto_grow_bytes, 16 << 20);
	fclose(file);
	config_deinit(&c);
}
END_TEST

START_TEST(options_go_over_the_file)
{
	static const char text[] = "[Region a]\nLimit=1M\nPageSize=1K\n";
	const char *regions[] = {"a,limit=2M,initial=1M", "b,limit=1G,base=4K"};
	struct config c;

	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, regions, 2), 0);
	ck_assert_uint_eq(c.nregions, 2);
	ck_assert_uint_eq(c.regions[0].config.limit_bytes, 2 << 20);
	ck_assert_uint_eq(c.regions[0].config.initial_bytes, 1 << 20);
	ck_assert_uint_eq(c.regions[0].config.page_size_bytes, 1024);
	ck_assert_str_eq(c.regions[1].config.name, "b");
	ck_assert_uint_eq(c.regions[1].config.base_addr, 4096);
	config_deinit(&c);
}
END_TEST

START_TEST(flags_have_many_words)
{
	static const struct {
		const char *word;
		bool yes;
	} words[] = {{"yes", true}, {"true", true},   {"1", true},  {"on", true},   {"YES", true},
		     {"no", false}, {"false", false}, {"0", false}, {"off", false}, {"Off", false}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		char text[64];
		struct config c;

		snprintf(text, sizeof(text), "[Region a]\nLimit=1M\nBestFit=%s\n", words[i].word);
		ck_assert_int_eq(load(&c, text, strlen(text), NULL, 0), 0);
		ck_assert_msg(c.regions[0].config.best_fit == words[i].yes, "%s", words[i].word);
		config_deinit(&c);
	}
}
END_TEST

/* As many as there may be; those of an option go in place of those of the file. */
START_TEST(reserved_ranges)
{
	static const char text[] = "[Region a]\n" L HOLES HOLES2 "BestFit=on\n";
	const char *regions[] = {"a,reserve=0:4K,limit=1M,reserve=0x8000:8K,best-fit=no",
				 "b,limit=1G"};
	struct config c;

	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, NULL, 0), 0);
	ck_assert_uint_eq(c.regions[0].config.nholes, REGION_HOLES_MAX);
	ck_assert_uint_eq(c.regions[0].config.holes[15].addr, 248 << 10);
	config_deinit(&c);
	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, regions, 2), 0);
	ck_assert_uint_eq(c.regions[0].config.nholes, 2);
	ck_assert_uint_eq(c.regions[0].config.holes[0].addr, 0);
	ck_assert_uint_eq(c.regions[0].config.holes[1].addr, 0x8000);
	ck_assert_uint_eq(c.regions[0].config.holes[1].bytes, 8192);
	ck_assert(!c.regions[0].config.best_fit);
	config_deinit(&c);
	ck_assert_int_eq(load(&c, text, sizeof(text) - 1, regions + 1, 1), 0);
	ck_assert_uint_eq(c.regions[0].config.nholes, REGION_HOLES_MAX);
	ck_assert_uint_eq(c.regions[1].config.nholes, 0);
	config_deinit(&c);
}
END_TEST

/* Whatever file there is: the demonstration must not depend on the machine. */
START_TEST(the_builtin_configuration_can_be_asked_for)
{
	const char *regions[] = {"more,limit=1M"};
	struct options o = {.builtin_config = true, .regions = regions, .nregions = 1};
	struct config c;

	ck_assert_int_eq(config_load(&c, &o), 0);
	ck_assert_uint_eq(c.nregions, 2);
	ck_assert_str_eq(c.regions[0].config.name, "demo");
	config_deinit(&c);
}
END_TEST

static const struct bad_option bad_options[] = {
	{"", NULL, "begins with the region's name"},
	{"limit=1M", NULL, "begins with the region's name"},
	{"a", NULL, "limit=SIZE"},
	{"a,limit", NULL, "write KEY=VALUE"},
	{"a,limit=1M,best-fit", NULL, "write KEY=VALUE"},
	{"a,limit=1M,best-fit=perhaps", NULL, "best-fit=perhaps is neither"},
	{"a,limit=1M,reserve=1", NULL, "reserve=1 is no range"},
	{"a,limit=1M,Reserve=0:4K", NULL, "use limit, base, page-size"},
	{"a,limit=", NULL, "is no size"},
	{"a,limit=1M,", NULL, "write KEY=VALUE"},
	{"a,Limit=1M", NULL, "use limit, base"},
	{"a,limit=1M,limit=1M", NULL, "set twice"},
	{"a,limit=1M", "a,base=4K", "given twice"},
	{"a,limit=1M,base=1", NULL, "multiple of the page size"},
	{"a,limit=99999999999999999999", NULL, "64 bits"},
};

START_TEST(wrong_region_options)
{
	assert_bad_option(&bad_options[_i]);
}
END_TEST

START_TEST(scalar_options)
{
	const char *regions[] = {"a,limit=1M"};
	struct options o = {.regions = regions,
			    .nregions = 1,
			    .socket = "/x",
			    .socket_mode = "666",
			    .max_connections = "7",
			    .log_level = "error"};
	struct config c;

	ck_assert_int_eq(config_load(&c, &o), 0);
	ck_assert_str_eq(c.socket, "/x");
	ck_assert_uint_eq(c.socket_mode, 0666);
	ck_assert_uint_eq(c.connections_max, 7);
	ck_assert_int_eq(c.log_level, LOG_LEVEL_ERROR);
	config_deinit(&c);
	log_capture();
	o.max_connections = "many";
	ck_assert_int_eq(config_load(&c, &o), CONFIG_E_BAD);
	config_deinit(&c);
	ck_assert_msg(strstr(log_text(), "--max-connections: 'many'"), "%s", log_text());
	o.max_connections = NULL;
	o.config = "/nonexistent/file";
	ck_assert_int_eq(config_load(&c, &o), CONFIG_E_BAD);
	config_deinit(&c);
	ck_assert_msg(strstr(log_text(), "/nonexistent/file: cannot be read: No such"), "%s",
		      log_text());
	o.config = "/tmp";
	ck_assert_int_eq(config_load(&c, &o), CONFIG_E_BAD);
	config_deinit(&c);
	ck_assert_msg(strstr(log_text(), "/tmp: cannot be read: Is a directory"), "%s", log_text());
}
END_TEST

START_TEST(without_memory)
{
	static const char text[] = "[Region a]\nLimit=1M\nAllow=root:alloc\nAllow=@root:grow\n";
	const char *regions[] = {"b,limit=1M,allow=*:alloc"};
	struct config c;
	int err = -1;

	for (long n = 0; err; n++) {
		mem_fail_after(n);
		err = load(&c, text, sizeof(text) - 1, regions, 1);
		ck_assert_int_le(err, 0);
		config_deinit(&c);
	}
	mem_fail_after(-1);
}
END_TEST

START_TEST(command_lines)
{
	char *good[] = {(char *)"pallocd",    (char *)"--socket=/x",    (char *)"--region",
			(char *)"a,limit=1M", (char *)"--check-config", NULL};
	char *bad[] = {(char *)"pallocd", (char *)"--nonsense", NULL};
	char *extra[] = {(char *)"pallocd", (char *)"extra", NULL};
	char *missing[] = {(char *)"pallocd", (char *)"--socket", NULL};
	struct options o;

	ck_assert_int_eq(options_parse(&o, 5, good), 0);
	ck_assert_str_eq(o.socket, "/x");
	ck_assert_uint_eq(o.nregions, 1);
	ck_assert(o.check_config);
	options_deinit(&o);
	log_capture();
	ck_assert_int_eq(options_parse(&o, 2, bad), OPTIONS_E_USAGE);
	options_deinit(&o);
	ck_assert_int_eq(options_parse(&o, 2, extra), OPTIONS_E_USAGE);
	options_deinit(&o);
	ck_assert_int_eq(options_parse(&o, 2, missing), OPTIONS_E_USAGE);
	options_deinit(&o);
	ck_assert_msg(strstr(log_text(), "--help"), "%s", log_text());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("config");
	SRunner *runner;
	int nfailed;

	tcase_add_loop_test(tc, mistakes_name_place_and_remedy, 0, (int)ARRAY_SIZE(bad_cases));
	tcase_add_test(tc, bytes_that_are_no_text);
	tcase_add_test(tc, a_file_is_read);
	tcase_add_test(tc, defaults);
	tcase_add_test(tc, the_longest_line);
	tcase_add_test(tc, the_builtin_configuration_is_good);
	tcase_add_test(tc, the_builtin_configuration_can_be_asked_for);
	tcase_add_test(tc, options_go_over_the_file);
	tcase_add_test(tc, flags_have_many_words);
	tcase_add_test(tc, reserved_ranges);
	tcase_add_loop_test(tc, wrong_region_options, 0, (int)ARRAY_SIZE(bad_options));
	tcase_add_test(tc, scalar_options);
	tcase_add_test(tc, without_memory);
	tcase_add_test(tc, command_lines);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
