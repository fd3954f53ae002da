/*
 * fixture - a daemon in a child process
 *
 * Role:       shared by the tests of net/: net over rpc over one region, without options and configuration.
 * Uses:       net/, tests/unit/wire.h, check
 */
#ifndef PALLOCD_TESTS_NET_FIXTURE_H
#define PALLOCD_TESTS_NET_FIXTURE_H

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "backing/backing.h"
#include "base/mem.h"
#include "net/net.h"
#include "tests/unit/wire.h"

#define BASE UINT64_C(0x100000)

static struct {
	char dir[32];
	char path[64];
	pid_t pid;
	/* How the child shall be. */
	uint32_t connections_max;
	uint64_t region_bytes;
	mode_t mode; /* of the socket */
	bool backed; /* memory is behind the region */
	enum region_durability durability;
	void (*prepare)(struct rpc *rpc); /* before it listens; NULL: nothing */
	bool (*listening)(
		struct net *net); /* before it serves; NULL: nothing. False: exit code 4 */
	int (*verdict)(const struct rpc *rpc); /* after it has stopped: its exit code; NULL: 0 */
	struct user_limits limits;             /* 0: the default */
	uint64_t hello_timeout_msec, frame_timeout_msec, send_timeout_msec;
	const char *pressure_path; /* NULL: none */
	int pressure_events;
	long mem_fail_after;        /* -1: never */
	long mem_fail_after_signal; /* SIGUSR1 ends memory after so many; SIGUSR2 gives some again */
} f;

static inline void setup(void)
{
	memset(&f, 0, sizeof(f));
	snprintf(f.dir, sizeof(f.dir), "/tmp/pallocd-net-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f.dir));
	snprintf(f.path, sizeof(f.path), "%s/sock", f.dir);
	f.connections_max = 1000;
	f.region_bytes = 1 << 30;
	f.mode = 0600;
	f.mem_fail_after = -1;
}

static inline void on_usr(int signum)
{
	mem_fail_after(signum == SIGUSR1 ? f.mem_fail_after_signal : -1);
}

static inline int serve(void)
{
	struct region_config config = {.name = "r",
				       .base_addr = BASE,
				       .page_size_bytes = 4096,
				       .limit_bytes = f.region_bytes,
				       .initial_bytes = f.region_bytes,
				       .durability = f.durability,
				       .scavenge_delay_usec = UINT64_C(3600) * 1000000};
	struct net_config nc = {.path = f.path,
				.mode = f.mode,
				.inherited_fd = -1,
				.connections_max = f.connections_max,
				.hello_timeout_msec = f.hello_timeout_msec,
				.frame_timeout_msec = f.frame_timeout_msec,
				.send_timeout_msec = f.send_timeout_msec,
				.pressure_path = f.pressure_path ? f.pressure_path : "",
				.pressure_events = f.pressure_events};
	const struct backing_config memory = {.kind = BACKING_MEMFD};
	struct regions regions;
	char why[256];
	struct rpc rpc;
	struct net net;
	int verdict = 0;

	log_open(LOG_LEVEL_ERROR);
	if (f.backed && backing_open(&memory, "r", f.region_bytes, config.page_size_bytes,
				     &config.backing, why, sizeof(why)))
		return 3;
	regions_init(&regions, geteuid());
	if (f.limits.connections)
		regions.limits.connections = f.limits.connections;
	if (f.limits.queued_bytes)
		regions.limits.queued_bytes = f.limits.queued_bytes;
	if (regions_add(&regions, &config) || rpc_init(&rpc, &regions, "test"))
		return 1;
	if (f.prepare)
		f.prepare(&rpc);
	if (net_open(&net, &nc, &rpc))
		return 1;
	if (f.listening && !f.listening(&net))
		return 4;
	signal(SIGUSR1, on_usr);
	signal(SIGUSR2, on_usr);
	mem_fail_after(f.mem_fail_after);
	if (net_run(&net))
		return 2;
	if (f.verdict)
		verdict = f.verdict(&rpc);
	rpc_deinit(&rpc);
	regions_deinit(&regions);
	return verdict;
}

static inline void start(void)
{
	fflush(NULL);
	f.pid = fork();
	ck_assert_int_ge(f.pid, 0);
	if (f.pid == 0)
		exit(serve());
}

/* It was told to stop. */
static inline void stopped(void)
{
	int status;

	ck_assert_int_eq(waitpid(f.pid, &status, 0), f.pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the daemon ended with %#x",
		      (unsigned)status);
	ck_assert_msg(access(f.path, F_OK) < 0, "the socket is still there");
	ck_assert_msg(rmdir(f.dir) == 0, "something is left beside the socket");
}

static inline void stop(void)
{
	ck_assert_int_eq(kill(f.pid, SIGTERM), 0);
	stopped();
}

static inline uint64_t rss_kib(void)
{
	char path[64], line[256];
	unsigned long long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)f.pid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "VmRSS: %llu", &kib) == 1)
			break;
	}
	fclose(file);
	return kib;
}

static inline void set_nonblocking(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

#endif
