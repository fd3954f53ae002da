/*
 * test_pressure - the kernel's word that memory is short
 *
 * Role:       unit tests of net/pressure with a FIFO, which says it as long as something is in it; with the kernel's own file on CPUs,
 *             because a shortage of them can be made without harm; and of a daemon, where the linker wraps rpc_pressure().
 * Uses:       tests/unit/net/fixture.h
 */
#include "fixture.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "net/pressure.h"

#define PSI_CPU "/proc/pressure/cpu"

static uv_loop_t loop;
static struct pressure pressure;
static unsigned nevents, nevents_max;
static uint64_t event_msec[4];
static char fifo[64];

static _Atomic unsigned *ncalls; /* of the daemon's rpc_pressure() */

void __wrap_rpc_pressure(struct rpc *rpc);

void __wrap_rpc_pressure(struct rpc *rpc)
{
	ck_assert_ptr_nonnull(rpc);
	++*ncalls;
}

static void on_pressure(struct pressure *p)
{
	ck_assert_ptr_eq(p, &pressure);
	event_msec[nevents++] = uv_now(&loop);
	if (nevents == nevents_max)
		pressure_close(p);
}

static int open_on(const char *path, const char *trigger, int events)
{
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	nevents = 0;
	return pressure_open(&pressure, &loop, path, trigger, events, on_pressure);
}

static void loop_end(void)
{
	pressure_close(&pressure);
	pressure_close(&pressure);
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* Return: a descriptor that takes out again what was put in. */
static int fifo_make(void)
{
	int fd;

	snprintf(fifo, sizeof(fifo), "%s/fifo", f.dir);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void fifo_end(int fd)
{
	close(fd);
	ck_assert_int_eq(unlink(fifo), 0);
	ck_assert_int_eq(rmdir(f.dir), 0);
}

static void count_turn(uv_prepare_t *prepare)
{
	++*(unsigned *)prepare->data;
}

/* What says it all the time is heard once in a while, and costs no turns in between. */
START_TEST(heard_once_in_a_pause)
{
	int fd = fifo_make();
	uv_prepare_t prepare;
	unsigned nturns = 0;

	ck_assert_int_eq(open_on(fifo, "something", UV_READABLE), 0);
	ck_assert_int_eq(uv_prepare_init(&loop, &prepare), 0);
	ck_assert_int_eq(uv_prepare_start(&prepare, count_turn), 0);
	uv_unref((uv_handle_t *)&prepare);
	prepare.data = &nturns;
	nevents_max = 3;
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_uint_eq(nevents, 3);
	for (unsigned i = 1; i < nevents; i++)
		ck_assert_uint_ge(event_msec[i] - event_msec[i - 1], PRESSURE_PAUSE_MSEC);
	ck_assert_uint_lt(nturns, 20);
	uv_close((uv_handle_t *)&prepare, NULL);
	loop_end();
	fifo_end(fd);
}
END_TEST

/* With its 0, which the kernel wants. */
START_TEST(the_trigger_is_written)
{
	char got[64];
	int fd = fifo_make();

	ck_assert_int_eq(open_on(fifo, NULL, UV_READABLE), 0);
	ck_assert_int_eq(read(fd, got, sizeof(got)), sizeof(PRESSURE_TRIGGER));
	ck_assert_str_eq(got, PRESSURE_TRIGGER);
	loop_end();
	ck_assert_uint_eq(nevents, 0);
	fifo_end(fd);
}
END_TEST

/* A pause in which nothing comes: it is watched again afterwards. */
START_TEST(watched_again_after_a_pause)
{
	char got[64];
	int fd = fifo_make();

	ck_assert_int_eq(open_on(fifo, "x", UV_READABLE), 0);
	nevents_max = 2;
	while (nevents < 1)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(read(fd, got, sizeof(got)), 2);
	while (!uv_is_active((uv_handle_t *)&pressure.poll))
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_uint_eq(nevents, 1);
	ck_assert_int_eq(write(fd, "y", 1), 1);
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_uint_eq(nevents, 2);
	loop_end();
	fifo_end(fd);
}
END_TEST

/* Return: how many lines were written to stderr, which all have @word. */
static unsigned count_lines(FILE *file, const char *word)
{
	char line[512];
	unsigned n = 0;

	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		ck_assert_msg(strstr(line, word), "no '%s' in: %s", word, line);
		n++;
	}
	return n;
}

START_TEST(without_it_the_loop_goes_on)
{
	char plain[80];
	const struct {
		const char *path;
		unsigned nlines;
	} rows[] = {
		{"", 0},
		{"/nowhere/at/all", 1},
		{"/", 1},   /* cannot be written */
		{plain, 1}, /* cannot be polled */
	};
	int fd;

	snprintf(plain, sizeof(plain), "%s/plain", f.dir);
	fd = open(plain, O_CREAT | O_RDWR, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		FILE *file = tmpfile();
		int err = dup(STDERR_FILENO);

		ck_assert_ptr_nonnull(file);
		ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
		log_open(LOG_LEVEL_INFO);
		ck_assert_int_eq(open_on(rows[i].path, NULL, 0), 0);
		ck_assert_int_ge(dup2(err, STDERR_FILENO), 0);
		close(err);
		ck_assert_int_eq(pressure.fd, -1);
		ck_assert_uint_eq(count_lines(file, rows[i].path), rows[i].nlines);
		fclose(file);
		loop_end();
	}
	ck_assert_int_eq(unlink(plain), 0);
	ck_assert_int_eq(rmdir(f.dir), 0);
}
END_TEST

START_TEST(the_daemon_hears_it)
{
	char got[64];
	int fd = fifo_make(), conn;

	ncalls = mmap(NULL, sizeof(*ncalls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert_ptr_ne((void *)ncalls, MAP_FAILED);
	f.pressure_path = fifo;
	f.pressure_events = UV_READABLE;
	start();
	conn = wire_open(f.path);
	/* The trigger itself is something in the FIFO. */
	while (*ncalls < 2)
		wire_done(wire_stat(conn));
	ck_assert_int_gt(read(fd, got, sizeof(got)), 0);
	wire_done(wire_stat(conn));
	close(conn);
	close(fd);
	ck_assert_int_eq(unlink(fifo), 0);
	stop();
}
END_TEST

/* Can somebody like us have triggers here? */
static bool psi_possible(void)
{
	int fd = open(PSI_CPU, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	bool possible = fd >= 0 && write(fd, PRESSURE_TRIGGER, sizeof(PRESSURE_TRIGGER)) ==
					   sizeof(PRESSURE_TRIGGER);

	if (fd >= 0)
		close(fd);
	return possible;
}

/* More programs than CPUs until it is heard. */
START_TEST(the_kernel_says_it)
{
	long ncpus = sysconf(_SC_NPROCESSORS_ONLN);
	pid_t pids[256];
	long n = 0;

	while (n < 2 * ncpus && n < (long)ARRAY_SIZE(pids)) {
		pids[n] = fork();
		ck_assert_int_ge(pids[n], 0);
		if (pids[n] == 0) {
			alarm(WIRE_TIMEOUT_MSEC / 1000);
			for (volatile unsigned i = 0;; i++)
				;
		}
		n++;
	}
	ck_assert_int_eq(open_on(PSI_CPU, "some 1000 2000000", 0), 0);
	ck_assert_int_ge(pressure.fd, 0);
	nevents_max = 2;
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_uint_eq(nevents, 2);
	loop_end();
	while (n--) {
		kill(pids[n], SIGKILL);
		waitpid(pids[n], NULL, 0);
	}
	ck_assert_int_eq(rmdir(f.dir), 0);
}
END_TEST

int main(void)
{
	bool psi = psi_possible();
	Suite *suite = suite_create("pressure");
	TCase *tc = tcase_create("pressure");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, heard_once_in_a_pause);
	tcase_add_test(tc, the_trigger_is_written);
	tcase_add_test(tc, watched_again_after_a_pause);
	tcase_add_test(tc, without_it_the_loop_goes_on);
	tcase_add_test(tc, the_daemon_hears_it);
	if (psi)
		tcase_add_test(tc, the_kernel_says_it);
	else
		printf("skipped: the_kernel_says_it: no trigger can be had at %s\n", PSI_CPU);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (nfailed)
		return EXIT_FAILURE;
	return psi ? EXIT_SUCCESS : 77;
}
