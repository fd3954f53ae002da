/*
 * test_keep - where the store is, and what a region may begin with
 *
 * Role:       unit tests of service/keep: folders by configuration, by the service manager and beside the socket.
 * Uses:       service/, check
 */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "service/keep.h"
#include "tests/unit/service/fixture.h"
#include "tests/unit/suite.h"

static struct keep_folders folders(const char *text, int listen_fd)
{
	struct keep_folders f;
	struct config c;

	ck_assert_int_eq(load(&c, text, strlen(text), NULL, 0), 0);
	log_capture();
	keep_folders_find(&c, listen_fd, &f);
	config_deinit(&c);
	return f;
}

START_TEST(folders_by_default)
{
	struct keep_folders f;

	unsetenv("RUNTIME_DIRECTORY");
	unsetenv("STATE_DIRECTORY");
	f = folders("[Daemon]\nSocket=/tmp/x/sock\n[Region a]\n" L, -1);
	ck_assert_str_eq(f.process, "/tmp/x/sock.store");
	ck_assert_str_eq(f.machine, "");
	setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
	setenv("STATE_DIRECTORY", "/var/lib/one", 1);
	f = folders("[Region a]\n" L "[Region b]\n" L "Durability=machine\n", -1);
	ck_assert_str_eq(f.process, "/run/one/store");
	ck_assert_str_eq(f.machine, "/var/lib/one/store");
	/* Nobody wants it, and it is not there. */
	f = folders("[Region a]\n" L "Durability=none\n", -1);
	ck_assert_str_eq(f.process, "");
	ck_assert_str_eq(f.machine, "");
}
END_TEST

START_TEST(folders_by_configuration_come_first)
{
	struct keep_folders f;

	setenv("RUNTIME_DIRECTORY", "/run/one", 1);
	setenv("STATE_DIRECTORY", "/var/lib/one", 1);
	f = folders("[Daemon]\nStoreDirectory=/a/b\nStateDirectory=/c/d\n"
		    "[Region a]\n" L "[Region b]\n" L "Durability=machine\n",
		    -1);
	ck_assert_str_eq(f.process, "/a/b");
	ck_assert_str_eq(f.machine, "/c/d");
}
END_TEST

START_TEST(an_inherited_socket_without_a_path_has_no_store)
{
	const struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct keep_folders f;

	unsetenv("RUNTIME_DIRECTORY");
	/* The kernel gives it an abstract name. */
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof(sa_family_t)), 0);
	f = folders("[Region a]\n" L, fd);
	ck_assert_str_eq(f.process, "");
	ck_assert_msg(strstr(log_text(), "nothing outlives the daemon unless StoreDirectory="),
		      "%s", log_text());
	close(fd);
}
END_TEST

START_TEST(a_machine_region_without_a_folder_is_refused)
{
	static const char text[] = "[Region a]\n" L "Durability=machine\n";
	struct keep_begin b;
	struct keep k = {0};
	char why[512] = "";
	struct config c;

	ck_assert_int_eq(load(&c, text, strlen(text), NULL, 0), 0);
	ck_assert_int_eq(keep_begin(&k, &c.regions[0], &b, why, sizeof(why)), KEEP_E_REFUSED);
	ck_assert_msg(strstr(why, "set StateDirectory=DIR"), "%s", why);
	config_deinit(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("keep");
	TCase *tc = tcase_create("keep");

	tcase_add_test(tc, folders_by_default);
	tcase_add_test(tc, folders_by_configuration_come_first);
	tcase_add_test(tc, an_inherited_socket_without_a_path_has_no_store);
	tcase_add_test(tc, a_machine_region_without_a_folder_is_refused);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
