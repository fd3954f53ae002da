/*
 * server - start and stop the servers under test
 *
 * Role:       see server.h.
 * Uses:       echo.h, proto/
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo.h"
#include "proto/pallocd.pb-c.h"
#include "server.h"
#include "util.h"

/* The region that pallocd serves: room for every request that any cell keeps in flight, and addresses as long as real ones. */
#define REGION "bench,limit=4G,initial=4G,page-size=4K,base=0x7f0000000000,durability="

/* How long a server may take until it listens; a sanitizer build on a busy machine takes its time. */
#define START_NS (UINT64_C(20) * 1000000000u)

static char dir[64];
static pid_t owner;
static struct server *servers[SERVER_NKINDS];

const char *server_name(enum server_kind kind)
{
	switch (kind) {
	case SERVER_ECHO:
		return "echo";
	case SERVER_ECHO_PROTOBUF:
		return "echo+pb";
	case SERVER_PALLOCD:
		return "pallocd";
	case SERVER_PALLOCD_KEPT:
		return "kept";
	case SERVER_PALLOCD_REPEATS:
		return "repeats";
	case SERVER_PALLOCD_SYNCED:
		return "synced";
	case SERVER_NKINDS:
		break;
	}
	return "?";
}

static void stop_all(void)
{
	/* Those that are files go before the folders that they are in. */
	static const char *const files[] = {"store/process.lmdb",
					    "store/process.journal",
					    "store/process.lock",
					    "store/machine.lmdb",
					    "store/machine.journal",
					    "store/machine.lock",
					    "store",
					    "server",
					    "server.lock",
					    "log",
					    ""};
	char path[128];

	if (getpid() != owner)
		return;
	for (unsigned i = 0; i < SERVER_NKINDS; i++) {
		if (!servers[i])
			continue;
		kill(servers[i]->pid, SIGTERM);
		waitpid(servers[i]->pid, NULL, 0);
		servers[i] = NULL;
	}
	for (unsigned kind = 0; kind < SERVER_NKINDS; kind++)
		for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
			snprintf(path, sizeof(path), "%s/%s/%s", dir, server_name(kind), files[i]);
			remove(path);
		}
	rmdir(dir);
}

static void prepare(void)
{
	const char *tmp = getenv("TMPDIR");

	if (dir[0])
		return;
	snprintf(dir, sizeof(dir), "%.30s/bench_rpc.XXXXXX",
		 tmp && strlen(tmp) <= 30 ? tmp : "/tmp");
	if (!mkdtemp(dir))
		die("%s: %s", dir, strerror(errno));
	owner = getpid();
	atexit(stop_all);
}

/* CPU number @i of those that this process may use, counted from the first; -1 if there are not so many. */
static int cpu_nth(unsigned i)
{
	static cpu_set_t allowed;
	static int known;

	if (!known && sched_getaffinity(0, sizeof(allowed), &allowed))
		return -1;
	known = 1;
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && i-- == 0)
			return (int)cpu;
	return -1;
}

static int pin(unsigned nth)
{
	cpu_set_t set;

	if (cpu_nth(0) < 0 || cpu_nth(1) < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu_nth(nth), &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

int pin_client(void)
{
	return pin(1);
}

static void child_pallocd(const struct server *s, const char *program)
{
	char log[128], store[128], region[128];
	int fd;

	snprintf(log, sizeof(log), "%s/%s/log", dir, server_name(s->kind));
	snprintf(store, sizeof(store), "%s/%s/store", dir, server_name(s->kind));
	snprintf(region, sizeof(region), "%s%s", REGION,
		 s->kind == SERVER_PALLOCD          ? "none"
		 : s->kind == SERVER_PALLOCD_SYNCED ? "machine"
						    : "process");
	fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd >= 0) {
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("LISTEN_FDS");
	execl(program, program, "--socket", s->addr.sun_path, "--store-dir", store, "--state-dir",
	      store, "--region", region, (char *)NULL);
	fprintf(stderr, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

static void child_echo(const struct server *s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&s->addr, sizeof(s->addr)) ||
	    listen(fd, 1024))
		_exit(126);
	echo_serve(fd, s->kind == SERVER_ECHO_PROTOBUF);
}

/* What pallocd said before it ended. */
static void print_log(const struct server *s)
{
	char path[128], text[2048];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/log", dir, server_name(s->kind));
	f = fopen(path, "re");
	if (!f)
		return;
	n = fread(text, 1, sizeof(text), f);
	fwrite(text, 1, n, stderr);
	fclose(f);
}

/* Send one message as a frame and read one frame; returns the size of what was read into @reply. */
static size_t exchange(int fd, const Pallocd__V1__Request *request, uint8_t *reply)
{
	uint8_t frame[PALLOCD_FRAME_HEADER_BYTES + 256];
	size_t size = pallocd__v1__request__get_packed_size(request);

	if (size > sizeof(frame) - PALLOCD_FRAME_HEADER_BYTES)
		die("a request of %zu bytes", size);
	pallocd__v1__request__pack(request, frame + PALLOCD_FRAME_HEADER_BYTES);
	frame_put(frame, (uint32_t)size);
	size += PALLOCD_FRAME_HEADER_BYTES;
	if (send(fd, frame, size, MSG_NOSIGNAL) != (ssize_t)size)
		die("send: %s", strerror(errno));
	if (recv(fd, frame, PALLOCD_FRAME_HEADER_BYTES, MSG_WAITALL) != PALLOCD_FRAME_HEADER_BYTES)
		die("the server closed the connection");
	size = frame_get(frame);
	if (size > PALLOCD_FRAME_BYTES_MAX || recv(fd, reply, size, MSG_WAITALL) != (ssize_t)size)
		die("the server's reply is %zu bytes long or cut", size);
	return size;
}

int server_connect(const struct server *s)
{
	static char name[] = "bench_rpc";
	static uint8_t reply[PALLOCD_FRAME_BYTES_MAX];
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Hello hello = PALLOCD__V1__HELLO__INIT;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&s->addr, sizeof(s->addr)))
		die("%s: connect: %s", server_name(s->kind), strerror(errno));
	hello.version = PALLOCD_PROTOCOL_VERSION;
	hello.client = name;
	hello.repeats = s->kind == SERVER_PALLOCD_REPEATS;
	request.hello = &hello;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_HELLO;
	exchange(fd, &request, reply);
	return fd;
}

uint64_t server_commits(const struct server *s)
{
	static uint8_t bytes[PALLOCD_FRAME_BYTES_MAX];
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Stat stat = PALLOCD__V1__STAT__INIT;
	Pallocd__V1__Reply *reply;
	int fd = server_connect(s);
	uint64_t n;
	size_t size;

	request.id = 1;
	request.stat = &stat;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_STAT;
	size = exchange(fd, &request, bytes);
	reply = pallocd__v1__reply__unpack(NULL, size, bytes);
	if (!reply || reply->result_case != PALLOCD__V1__REPLY__RESULT_STAT)
		die("pallocd: Stat: %s", reply ? reply->message : "the reply can't be unpacked");
	n = reply->stat->daemon->machine_commits_total;
	pallocd__v1__reply__free_unpacked(reply, NULL);
	close(fd);
	return n;
}

const char *server_dir(const struct server *s, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s/store", dir, server_name(s->kind));
	return buf;
}

/* pallocd's id for the region: the echo servers are asked with the same, so that the frames are equal. */
static uint32_t region_id(const struct server *s)
{
	static char name[] = "bench";
	static uint8_t bytes[PALLOCD_FRAME_BYTES_MAX];
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__RegionInfo info = PALLOCD__V1__REGION_INFO__INIT;
	Pallocd__V1__Reply *reply;
	uint32_t id = 0;
	size_t size;
	int fd;

	if (!server_is_pallocd(s->kind))
		return 1;
	fd = server_connect(s);
	info.region = name;
	request.id = 1;
	request.region_info = &info;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_REGION_INFO;
	size = exchange(fd, &request, bytes);
	reply = pallocd__v1__reply__unpack(NULL, size, bytes);
	if (!reply || reply->result_case != PALLOCD__V1__REPLY__RESULT_REGION_INFO)
		die("pallocd: RegionInfo: %s",
		    reply ? reply->message : "the reply can't be unpacked");
	id = reply->region_info->region->id;
	pallocd__v1__reply__free_unpacked(reply, NULL);
	close(fd);
	return id;
}

static void wait_listening(const struct server *s)
{
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + START_NS;
	struct timespec pause = {.tv_nsec = 2000000};
	int fd, err;

	for (;;) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			die("socket: %s", strerror(errno));
		err = connect(fd, (const struct sockaddr *)&s->addr, sizeof(s->addr));
		close(fd);
		if (!err)
			return;
		if (waitpid(s->pid, NULL, WNOHANG) == s->pid || clock_ns(CLOCK_MONOTONIC) > end) {
			print_log(s);
			die("%s does not listen on %s", server_name(s->kind), s->addr.sun_path);
		}
		nanosleep(&pause, NULL);
	}
}

void server_start(struct server *s, enum server_kind kind, const char *program)
{
	prepare();
	s->kind = kind;
	s->addr.sun_family = AF_UNIX;
	snprintf(s->addr.sun_path, sizeof(s->addr.sun_path), "%s/%s", dir, server_name(kind));
	if (mkdir(s->addr.sun_path, 0700))
		die("%s: %s", s->addr.sun_path, strerror(errno));
	snprintf(s->addr.sun_path, sizeof(s->addr.sun_path), "%s/%s/server", dir,
		 server_name(kind));
	fflush(NULL);
	s->pid = fork();
	if (s->pid < 0)
		die("fork: %s", strerror(errno));
	if (!s->pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		pin(0);
		if (server_is_pallocd(kind))
			child_pallocd(s, program);
		else
			child_echo(s);
	}
	servers[kind] = s;
	if (clock_getcpuclockid(s->pid, &s->cpu))
		die("clock_getcpuclockid: %s", strerror(errno));
	wait_listening(s);
	s->region_id = region_id(s);
}
