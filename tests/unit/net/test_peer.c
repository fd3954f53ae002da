/*
 * test_peer - what the kernel says of who connects, and the deaths of processes
 *
 * Role:       unit tests of net/peer.h and net/process.h with sockets of child processes, without a daemon.
 * Uses:       net/, check
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/peer.h"
#include "net/process.h"

#define NGROUPS_MOST 1000

/* What the kernel can do: all, as before Linux 6.5, or as before 5.3; and all, but no descriptors are left. */
enum { KERNEL_ALL, KERNEL_NO_PEERPIDFD, KERNEL_NO_PIDFD, KERNEL_NO_FDS };

static int kernel;

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, pid_t pid, unsigned flags);

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	/* SO_PEERPIDFD */
	if (kernel != KERNEL_ALL && level == SOL_SOCKET && name == 77) {
		errno = kernel == KERNEL_NO_FDS ? EMFILE : ENOPROTOOPT;
		return -1;
	}
	return __real_getsockopt(fd, level, name, value, size);
}

long __wrap_syscall(long number, pid_t pid, unsigned flags)
{
	ck_assert_int_eq(number, SYS_pidfd_open);
	if (kernel == KERNEL_NO_PIDFD) {
		errno = ENOSYS;
		return -1;
	}
	return __real_syscall(number, pid, flags);
}

static struct {
	int listening;
	struct sockaddr_un addr;
	socklen_t addr_size;
	uv_loop_t loop;
	struct processes processes;
	unsigned ndeaths;
} f;

/* valgrind knows fewer system calls than the kernel. */
static bool kernel_is(int wanted)
{
	int fd = (int)__real_syscall(SYS_pidfd_open, getpid(), 0);

	kernel = wanted;
	if (fd >= 0)
		close(fd);
	else
		printf("skipped: pidfd_open(2) does not work here\n");
	return fd >= 0 || wanted != KERNEL_NO_PEERPIDFD;
}

struct member {
	struct list link;
	struct process *process;
};

static void on_death(struct list *link)
{
	struct member *m = CONTAINER_OF(link, struct member, link);

	f.ndeaths++;
	process_leave(m->process, &m->link);
	m->process = NULL;
}

static void setup(void)
{
	memset(&f, 0, sizeof(f));
	log_open(LOG_LEVEL_ERROR);
	f.listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(f.listening, 0);
	/* A name that the kernel chooses. */
	f.addr.sun_family = AF_UNIX;
	ck_assert_int_eq(bind(f.listening, (struct sockaddr *)&f.addr, sizeof(sa_family_t)), 0);
	f.addr_size = sizeof(f.addr);
	ck_assert_int_eq(getsockname(f.listening, (struct sockaddr *)&f.addr, &f.addr_size), 0);
	ck_assert_int_eq(listen(f.listening, 100), 0);
	ck_assert_int_eq(uv_loop_init(&f.loop), 0);
	processes_init(&f.processes, &f.loop, on_death);
}

static void teardown(void)
{
	ck_assert_int_eq(uv_run(&f.loop, UV_RUN_NOWAIT), 0);
	ck_assert_int_eq(uv_loop_close(&f.loop), 0);
	close(f.listening);
}

static int connect_once(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&f.addr, f.addr_size) < 0)
		abort();
	return fd;
}

/* A process that does @prepare, connects @nconns times, and stays until it is killed. */
static pid_t child(void (*prepare)(int), int arg, int nconns)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prepare)
		prepare(arg);
	for (int i = 0; i < nconns; i++)
		connect_once();
	for (;;)
		pause();
}

static int accept_one(void)
{
	int fd = accept4(f.listening, NULL, NULL, SOCK_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void child_kill(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void groups_set(int n)
{
	gid_t groups[NGROUPS_MOST];

	for (int i = 0; i < n; i++)
		groups[i] = (gid_t)(100000 + i);
	if (setgroups((size_t)n, groups) < 0)
		abort();
}

START_TEST(groups_of_any_number)
{
	static const int rows[] = {0, 1, 31, 32, 33, 64, NGROUPS_MOST};

	if (geteuid()) {
		printf("skipped: groups_of_any_number needs root\n");
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct session_peer peer;
		pid_t pid = child(groups_set, rows[i], 1);
		int fd = accept_one();

		ck_assert_int_eq(peer_read(fd, &peer), 0);
		ck_assert_int_eq(peer_read_more(fd, &peer), 0);
		ck_assert_uint_eq(peer.uid, getuid());
		ck_assert_uint_eq(peer.gid, getgid());
		ck_assert_int_eq(peer.pid, pid);
		ck_assert_uint_eq(peer.ngroups, (uint32_t)rows[i]);
		for (uint32_t k = 0; k < peer.ngroups; k++)
			ck_assert_uint_eq(peer.groups[k], 100000 + k);
		peer_deinit(&peer);
		peer_deinit(&peer);
		child_kill(pid);
		close(fd);
	}
}
END_TEST

static const char *const names[][2] = {
	{"x", "x"},
	{"fifteen letters", "fifteen letters"},
	{"more than fifteen letters", "more than fifte"},
	{"a\nb\x01\x7f\xff", "a?b???"},
	{"end\n", "end?"},
	{"", ""},
};

static void name_set(int i)
{
	if (prctl(PR_SET_NAME, names[i][0]) < 0)
		abort();
}

START_TEST(commands_as_people_can_read_them)
{
	for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++) {
		struct session_peer peer;
		pid_t pid = child(name_set, i, 2);
		int fd = accept_one();

		ck_assert_int_eq(peer_read(fd, &peer), 0);
		ck_assert_int_eq(peer_read_more(fd, &peer), 0);
		ck_assert_str_eq(peer.command, names[i][1]);
		peer_deinit(&peer);
		close(fd);
		fd = accept_one();
		child_kill(pid);
		ck_assert_int_eq(peer_read(fd, &peer), 0);
		ck_assert_int_eq(peer_read_more(fd, &peer), 0);
		ck_assert_int_eq(peer.pid, pid);
		ck_assert_str_eq(peer.command, "");
		peer_deinit(&peer);
		close(fd);
	}
}
END_TEST

START_TEST(without_memory_nothing_is_left)
{
	struct session_peer peer = {.pid = 77};
	int fd = connect_once();

	mem_fail_after(0);
	ck_assert_int_eq(peer_read_more(fd, &peer), -ENOMEM);
	ck_assert_ptr_null(peer.groups);
	mem_fail_after(-1);
	close(fd);
	ck_assert_int_eq(peer_read(fd, &peer), -EBADF);
	ck_assert_int_eq(peer.pid, 77);
	ck_assert_int_eq(peer_read_more(fd, &peer), -EBADF);
}
END_TEST

static unsigned ndescriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void join(int fd, pid_t pid, struct member *m)
{
	list_init(&m->link);
	ck_assert_int_eq(process_join(&f.processes, fd, pid, &m->link, &m->process), 0);
}

/* Whatever a process has of connections, it has one descriptor; and each of them hears of its death once. */
START_TEST(a_process_has_one_descriptor)
{
	enum { NCONNS = 50 };
	struct member m[2][NCONNS];
	int fd[2][NCONNS];
	unsigned before;
	pid_t pid[2];

	if (!kernel_is(_i))
		return;
	for (int p = 0; p < 2; p++) {
		pid[p] = child(NULL, 0, NCONNS);
		for (int i = 0; i < NCONNS; i++)
			fd[p][i] = accept_one();
	}
	before = ndescriptors();
	for (int i = 0; i < NCONNS; i++) {
		for (int p = 0; p < 2; p++) {
			join(fd[p][i], pid[p], &m[p][i]);
			ck_assert_ptr_nonnull(m[p][i].process);
			ck_assert_ptr_eq(m[p][i].process, m[p][0].process);
		}
	}
	ck_assert_ptr_ne(m[0][0].process, m[1][0].process);
	ck_assert_uint_eq(ndescriptors(), before + 2);
	uv_run(&f.loop, UV_RUN_NOWAIT);
	ck_assert_uint_eq(f.ndeaths, 0);
	process_leave(m[0][7].process, &m[0][7].link);
	child_kill(pid[0]);
	while (f.ndeaths < NCONNS - 1)
		uv_run(&f.loop, UV_RUN_ONCE);
	uv_run(&f.loop, UV_RUN_NOWAIT);
	ck_assert_uint_eq(f.ndeaths, NCONNS - 1);
	ck_assert_uint_eq(ndescriptors(), before + 1);
	for (int i = 0; i < NCONNS; i++)
		process_leave(m[1][i].process, &m[1][i].link);
	ck_assert_uint_eq(ndescriptors(), before);
	child_kill(pid[1]);
	uv_run(&f.loop, UV_RUN_NOWAIT);
	ck_assert_uint_eq(f.ndeaths, NCONNS - 1);
}
END_TEST

/* Not waited for by its parent yet, and waited for. */
START_TEST(a_dead_one_is_known_as_such)
{
	struct process *process = NULL;
	struct list link;
	siginfo_t info;
	unsigned before;
	pid_t pid;
	int fd;

	if (!kernel_is(_i))
		return;
	pid = child(NULL, 0, 1);
	fd = accept_one();
	list_init(&link);
	before = ndescriptors();
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(process_join(&f.processes, fd, pid, &link, &process), PROCESS_E_DEAD);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_eq(process_join(&f.processes, fd, pid, &link, &process), PROCESS_E_DEAD);
	ck_assert_uint_eq(ndescriptors(), before);
	ck_assert_ptr_null(process);
	close(fd);
}
END_TEST

/* Dead, but the loop has not noticed: who comes with the same number then is either dead too, or another one. */
START_TEST(a_death_that_is_not_noticed_yet)
{
	struct process *process = NULL;
	struct member m;
	struct list link;
	int fd[2];
	pid_t pid;

	if (!kernel_is(_i))
		return;
	pid = child(NULL, 0, 2);
	fd[0] = accept_one();
	fd[1] = accept_one();
	list_init(&link);
	join(fd[0], pid, &m);
	child_kill(pid);
	ck_assert_int_eq(process_join(&f.processes, fd[1], pid, &link, &process), PROCESS_E_DEAD);
	while (!f.ndeaths)
		uv_run(&f.loop, UV_RUN_ONCE);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

START_TEST(without_descriptors_it_goes_on)
{
	struct member m;
	int fd = connect_once();

	kernel = KERNEL_NO_FDS;
	join(fd, getpid(), &m);
	ck_assert_ptr_null(m.process);
	ck_assert(f.processes.complained);
	process_leave(m.process, &m.link);
	kernel = KERNEL_ALL;
	join(fd, getpid(), &m);
	ck_assert_ptr_nonnull(m.process);
	process_leave(m.process, &m.link);
	mem_fail_after(0);
	ck_assert_int_eq(process_join(&f.processes, fd, getpid(), &m.link, &m.process), -ENOMEM);
	mem_fail_after(-1);
	close(fd);
}
END_TEST

/* Its connections go on, and end as sockets do. */
START_TEST(a_kernel_without_pidfds)
{
	struct member m;
	pid_t pid = child(NULL, 0, 2);
	int fd[2] = {accept_one(), accept_one()};

	kernel = KERNEL_NO_PIDFD;
	join(fd[0], pid, &m);
	ck_assert_ptr_null(m.process);
	ck_assert(f.processes.complained);
	child_kill(pid);
	join(fd[1], pid, &m);
	ck_assert_ptr_null(m.process);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("peer");
	TCase *tc = tcase_create("peer");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, groups_of_any_number);
	tcase_add_test(tc, commands_as_people_can_read_them);
	tcase_add_test(tc, without_memory_nothing_is_left);
	tcase_add_loop_test(tc, a_process_has_one_descriptor, KERNEL_ALL, KERNEL_NO_PIDFD);
	tcase_add_loop_test(tc, a_dead_one_is_known_as_such, KERNEL_ALL, KERNEL_NO_PIDFD);
	tcase_add_loop_test(tc, a_death_that_is_not_noticed_yet, KERNEL_ALL, KERNEL_NO_PIDFD);
	tcase_add_test(tc, without_descriptors_it_goes_on);
	tcase_add_test(tc, a_kernel_without_pidfds);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
