/*
 * test_socket - the listening socket and the files that stand for it
 *
 * Role:       unit tests of net/socket: who may listen where, and what is left afterwards.
 * Uses:       net/socket.h, check
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "net/socket.h"

static char dir[32], path[64];

static void setup(void)
{
	log_open((enum log_level)0);
	snprintf(dir, sizeof(dir), "/tmp/pallocd-sock-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
}

/* Nothing may be left. */
static void teardown(void)
{
	ck_assert_msg(rmdir(dir) == 0, "%s: %s", dir, strerror(errno));
}

static int reach(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), err;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	err = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? errno : 0;
	close(fd);
	return err;
}

/* What a daemon that was killed leaves: the socket's file, and a lock file that nobody holds. */
static void leave_stale(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char lock[80];

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	close(open(lock, O_CREAT | O_RDWR, 0600));
}

START_TEST(listens_with_its_mode_and_cleans_up)
{
	struct listening l;
	struct stat st;

	ck_assert_int_eq(listening_bind(&l, path, 0640), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	ck_assert_int_eq(reach(), 0);
	listening_close(&l);
	listening_close(&l);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(a_stale_file_is_replaced)
{
	struct listening l;

	leave_stale();
	ck_assert_int_eq(reach(), ECONNREFUSED);
	ck_assert_int_eq(listening_bind(&l, path, 0600), 0);
	ck_assert_int_eq(reach(), 0);
	listening_close(&l);
}
END_TEST

START_TEST(a_live_daemon_is_left_alone)
{
	struct listening first, second;

	ck_assert_int_eq(listening_bind(&first, path, 0600), 0);
	ck_assert_int_eq(listening_bind(&second, path, 0600), -EADDRINUSE);
	ck_assert_int_eq(reach(), 0);
	listening_close(&first);
	ck_assert_int_eq(listening_bind(&second, path, 0600), 0);
	listening_close(&second);
}
END_TEST

/* Somebody who knows nothing of lock files, a socket unit for example. */
START_TEST(a_foreign_listener_is_left_alone)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct listening l;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(listening_bind(&l, path, 0600), -EADDRINUSE);
	ck_assert_int_eq(reach(), 0);
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(what_is_no_socket_is_left_alone)
{
	struct listening l;
	struct stat st;

	close(open(path, O_CREAT | O_RDWR, 0600));
	ck_assert_int_eq(listening_bind(&l, path, 0600), -EEXIST);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	unlink(path);
}
END_TEST

START_TEST(a_file_that_another_daemon_has_replaced_stays)
{
	struct listening l;

	ck_assert_int_eq(listening_bind(&l, path, 0600), 0);
	unlink(path);
	/* Some file systems give a freed inode number to the next file: the daemon's socket still has it. */
	close(open(path, O_CREAT | O_RDWR, 0600));
	listening_close(&l);
	ck_assert_int_eq(access(path, F_OK), 0);
	unlink(path);
}
END_TEST

START_TEST(impossible_paths)
{
	struct listening l;
	char text[300];

	memset(text, 'x', sizeof(text));
	text[108] = '\0';
	ck_assert_int_eq(listening_bind(&l, text, 0600), -ENAMETOOLONG);
	ck_assert_int_eq(listening_bind(&l, "", 0600), -ENAMETOOLONG);
	snprintf(text, sizeof(text), "%s/no/such", dir);
	ck_assert_int_eq(listening_bind(&l, text, 0600), -ENOENT);
	listening_close(&l);
}
END_TEST

START_TEST(the_longest_path)
{
	struct listening l;
	char text[108];
	size_t n = strlen(dir);

	snprintf(text, sizeof(text), "%s/", dir);
	memset(text + n + 1, 'x', sizeof(text) - n - 2);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(listening_bind(&l, text, 0600), 0);
	listening_close(&l);
}
END_TEST

START_TEST(inherited_sockets_are_looked_at)
{
	int pair[2], dgram = socket(AF_UNIX, SOCK_DGRAM, 0), inet = socket(AF_INET, SOCK_STREAM, 0);
	struct listening l, inherited;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(listening_inherit(&l, pair[0]), -EINVAL);
	ck_assert_int_eq(listening_inherit(&l, dgram), -EINVAL);
	ck_assert_int_eq(listening_inherit(&l, inet), -EINVAL);
	ck_assert_int_eq(listening_inherit(&l, 999), -EINVAL);
	ck_assert_int_eq(listening_bind(&l, path, 0600), 0);
	ck_assert_int_eq(listening_inherit(&inherited, dup(l.fd)), 0);
	ck_assert_str_eq(inherited.path, path);
	/* The file belongs to who made it. */
	listening_close(&inherited);
	ck_assert_int_eq(access(path, F_OK), 0);
	listening_close(&l);
	close(pair[0]);
	close(pair[1]);
	close(dgram);
	close(inet);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket");
	TCase *tc = tcase_create("socket");
	SRunner *runner;
	int nfailed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, listens_with_its_mode_and_cleans_up);
	tcase_add_test(tc, a_stale_file_is_replaced);
	tcase_add_test(tc, a_live_daemon_is_left_alone);
	tcase_add_test(tc, a_foreign_listener_is_left_alone);
	tcase_add_test(tc, what_is_no_socket_is_left_alone);
	tcase_add_test(tc, a_file_that_another_daemon_has_replaced_stays);
	tcase_add_test(tc, impossible_paths);
	tcase_add_test(tc, the_longest_path);
	tcase_add_test(tc, inherited_sockets_are_looked_at);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
