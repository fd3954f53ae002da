/*
 * start - how pallocd starts, refuses to, and stops
 *
 * Role:       exit codes and messages of the program as a whole; what it does with sockets that are there already, inherited ones,
 *             and signals.
 * Uses:       tests/e2e/daemon/daemon.h
 */
#include <check.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/e2e/daemon/daemon.h"

static struct daemon_process d;

static void setup(void)
{
	daemon_place(&d);
}

/* Run to the end; the exit code. */
static int run(const char *const *args)
{
	daemon_exec(&d, args);
	return daemon_wait(&d);
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void assert_said(const char *text)
{
	ck_assert_msg(strstr(daemon_said(&d), text), "wanted '%s', got '%s'", text,
		      daemon_said(&d));
	unlink(d.log);
}

static void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

START_TEST(exit_codes)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/conf", d.dir);
	ck_assert_int_eq(RUN("--nonsense"), 2);
	assert_said("--help");
	ck_assert_int_eq(RUN("word"), 2);
	assert_said("'word'");
	ck_assert_int_eq(RUN("--region", "a,limit=1Q"), 2);
	assert_said("--region a,limit=1Q: limit=1Q is no size");
	ck_assert_int_eq(RUN("--config", path), 2);
	assert_said("No such file");
	ck_assert_int_eq(RUN("--config", path, "--builtin-config"), 2);
	assert_said("contradict");
	file_write(path, "[Region a]\nLimit=1M\n\nInital=1M\n");
	ck_assert_int_eq(RUN("--config", path), 2);
	assert_said("/conf:4: a region has no key 'Inital': use Limit, ");
	file_write(path, "[Region a]\nLimit=1M\n");
	ck_assert_int_eq(RUN("--config", path, "--check-config"), 0);
	assert_said("good");
	ck_assert_int_eq(RUN("--config", path, "--print-config"), 0);
	ck_assert_int_eq(RUN("--config", path, "--print-config", "--check-config"), 2);
	assert_said("do one after the other");
	ck_assert_int_eq(RUN("--region", "a,limit=1M", "--socket", "/nonexistent/x"), 1);
	assert_said("cannot start without the store in /nonexistent/x.store");
	unlink(path);
	daemon_remove(&d);
}
END_TEST

START_TEST(ready_line_and_mode)
{
	struct stat st;

	daemon_exec(&d, (const char *const[]){"--socket", d.path, "--socket-mode", "0600",
					      "--region", "a,limit=1G,initial=1M", NULL});
	close(wire_open(d.path));
	/* Who has connected is served first. */
	for (int i = 0; i < 500 && !strstr(daemon_said(&d), "ready: "); i++)
		wire_sleep_msec(20);
	ck_assert_int_eq(stat(d.path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_msg(strstr(daemon_said(&d), "ready: ") && strstr(daemon_said(&d), d.path) &&
			      strstr(daemon_said(&d), "a (limit 1G, grown 2M, pages of 4K)"),
		      "%s", daemon_said(&d));
	daemon_stop(&d);
}
END_TEST

START_TEST(a_second_daemon_is_refused_and_a_dead_one_replaced)
{
	const char *const args[] = {"--socket", d.path, "--region", "a,limit=1M,initial=1M", NULL};
	struct daemon_process second = d;
	int fd, status;

	daemon_exec(&d, args);
	fd = wire_open(d.path);
	daemon_exec(&second, args);
	ck_assert_int_eq(daemon_wait(&second), 1);
	ck_assert_msg(strstr(daemon_said(&d), "another pallocd has the store"), "%s",
		      daemon_said(&d));
	wire_done(wire_stat(fd));
	close(fd);
	kill(d.pid, SIGKILL);
	ck_assert_int_eq(waitpid(d.pid, &status, 0), d.pid);
	ck_assert_int_eq(access(d.path, F_OK), 0);
	daemon_exec(&d, args);
	for (int i = 0; i < 2000 && !strstr(daemon_said(&d), "replaced"); i++)
		wire_sleep_msec(5);
	close(wire_open(d.path));
	daemon_stop(&d);
}
END_TEST

START_TEST(signals_stop_in_order)
{
	const char *const args[] = {"--socket", d.path, "--region", "a,limit=1M,initial=1M", NULL};
	uint64_t addr;
	int fd;

	daemon_exec(&d, args);
	fd = wire_open(d.path);
	ck_assert_uint_eq(wire_alloc(fd, 3, 0, &addr), PALLOCD_OK);
	ck_assert_int_eq(kill(d.pid, _i ? SIGINT : SIGTERM), 0);
	ck_assert_int_eq(daemon_wait(&d), 0);
	wire_assert_end(fd);
	close(fd);
	daemon_remove(&d);
}
END_TEST

/* As the service manager hands a socket over: descriptor 3, LISTEN_FDS, LISTEN_PID. */
static void exec_inheriting(int socket_fd, const char *nfds)
{
	fflush(NULL);
	d.pid = fork();
	ck_assert_int_ge(d.pid, 0);
	if (d.pid == 0) {
		char pid[16];
		int log = open(d.log, O_CREAT | O_WRONLY | O_APPEND, 0600);

		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", nfds, 1);
		dup2(log, STDERR_FILENO);
		dup2(socket_fd, 4);
		dup2(4, 3);
		execl(PALLOCD_PATH, PALLOCD_PATH, "--region", "a,limit=1M,initial=1M",
		      (char *)NULL);
		_exit(127);
	}
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	ck_assert_int_eq(listen(fd, 10), 0);
	return fd;
}

START_TEST(an_inherited_socket_is_served)
{
	int socket_fd = listen_at(d.path);

	exec_inheriting(socket_fd, "1");
	close(wire_open(d.path));
	ck_assert_int_eq(kill(d.pid, SIGTERM), 0);
	ck_assert_int_eq(daemon_wait(&d), 0);
	/* The file is the manager's. */
	ck_assert_int_eq(unlink(d.path), 0);
	close(socket_fd);
	daemon_remove(&d);
}
END_TEST

START_TEST(what_is_inherited_must_be_one_stream_socket)
{
	int socket_fd = listen_at(d.path), file = open("/dev/null", O_RDONLY);

	exec_inheriting(socket_fd, "2");
	ck_assert_int_eq(daemon_wait(&d), 1);
	assert_said("exactly one ListenStream=");
	exec_inheriting(file, "1");
	ck_assert_int_eq(daemon_wait(&d), 1);
	assert_said("no listening Unix stream socket");
	unlink(d.path);
	close(socket_fd);
	close(file);
	daemon_remove(&d);
}
END_TEST

START_TEST(more_connections_than_descriptors_is_a_warning)
{
	daemon_exec(&d, (const char *const[]){"--socket", d.path, "--max-connections", "4000000000",
					      "--region", "a,limit=1M", NULL});
	close(wire_open(d.path));
	ck_assert_msg(strstr(daemon_said(&d), "LimitNOFILE="), "%s", daemon_said(&d));
	daemon_stop(&d);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("start");
	TCase *tc = tcase_create("start");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, exit_codes);
	tcase_add_test(tc, ready_line_and_mode);
	tcase_add_test(tc, a_second_daemon_is_refused_and_a_dead_one_replaced);
	tcase_add_loop_test(tc, signals_stop_in_order, 0, 2);
	tcase_add_test(tc, an_inherited_socket_is_served);
	tcase_add_test(tc, what_is_inherited_must_be_one_stream_socket);
	tcase_add_test(tc, more_connections_than_descriptors_is_a_warning);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
