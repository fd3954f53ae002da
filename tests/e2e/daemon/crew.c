/*
 * crew - processes of a user that means harm
 *
 * Role:       see crew.h.
 * Uses:       tests/e2e/daemon/actor.h
 */
#include "tests/e2e/daemon/crew.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "tests/unit/random.h"

#define HOARD_MAX 128u
#define GROUP 6u /* connections that one does the same with at a time */
#define BATCH 256u

/* Longer than any timeout of the daemon's in these tests. */
#define PATIENCE_MSEC 5000

static const char configuration[] = "[Daemon]\n"
				    "UserConnections = 64\n"
				    "UserSessions = 64\n"
				    "UserWaiting = 4\n"
				    "UserQueuedBytes = 2M\n"
				    "HelloTimeout = 1s\n"
				    "FrameTimeout = 1s\n"
				    "SendTimeout = 1s\n"
				    "[Region a]\n"
				    "Limit = 256M\n"
				    "Initial = 256M\n"
				    "QuotaUser = 64M\n"
				    "QuotaUserExtents = 1000\n"
				    "[Region full]\n"
				    "Limit = 4K\n"
				    "Initial = 4K\n";

struct member {
	const char *path;
	atomic_ulong *ndone;
	struct random rnd;
};

/* What one sends: a batch of requests, packed once. */
struct batch {
	size_t n;
	uint8_t data[256 << 10];
};

static struct batch batch;

static void batch_add(struct batch *b, const Request *req)
{
	WIRE_MUST(b->n + WIRE_FRAME_BYTES <= sizeof(b->data), "a batch of %zu bytes", b->n);
	b->n += wire_pack(req, b->data + b->n);
}

static void hello_add(struct batch *b, uint64_t grace_msec)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;

	m.version = 1;
	m.client = (char *)"crew";
	m.grace_msec = grace_msec;
	batch_add(b, &REQUEST(1, HELLO, hello, &m));
}

static void alloc_add(struct batch *b, uint32_t region, uint64_t npages, uint64_t wait_msec)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = region;
	m.npages = &npages;
	m.n_npages = 1;
	m.wait_msec = wait_msec;
	batch_add(b, &REQUEST(2, ALLOC, alloc, &m));
}

/* A picture of the region, some KiB for a request of some bytes. */
static void map_add(struct batch *b)
{
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;

	m.region_id = CREW_REGION;
	m.ncells = PALLOCD_MAP_CELLS_MAX;
	batch_add(b, &REQUEST(3, MAP, map, &m));
}

static void watch_add(struct batch *b)
{
	Pallocd__V1__Watch m = PALLOCD__V1__WATCH__INIT;

	batch_add(b, &REQUEST(4, WATCH, watch, &m));
}

/* Without waiting. Return: false where the connection is at its end. */
static bool read_all(int fd)
{
	static char buf[64 << 10];
	ssize_t n;

	do
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	while (n > 0);
	return n < 0 && errno == EAGAIN;
}

/* Until the other side has closed. What comes before is not read, and so stays in its way. Return: false: it has not. */
static bool await_end(int fd, int msec)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return poll(&p, 1, msec) == 1;
}

/* What a connection that has ended was told, first and last. */
struct farewell {
	bool greeted; /* the first reply was OK: to Hello */
	unsigned last;
};

static unsigned status_of(const uint8_t *data, size_t n)
{
	Reply *reply = pallocd__v1__reply__unpack(NULL, n, data);
	unsigned status;

	WIRE_MUST(reply, "a reply that holds no Reply");
	status = (unsigned)reply->status;
	wire_done(reply);
	return status;
}

static struct farewell farewell_read(int fd)
{
	static uint8_t buf[2 << 20];
	struct farewell f = {.last = PALLOCD_OK};
	size_t n = 0, at = 0;
	ssize_t got;
	uint32_t len;

	while (n < sizeof(buf) && (got = recv(fd, buf + n, sizeof(buf) - n, MSG_DONTWAIT)) > 0)
		n += (size_t)got;
	/* Where it was cut off, the last frame may be cut too. */
	for (; n - at >= sizeof(len); at += sizeof(len) + len) {
		memcpy(&len, buf + at, sizeof(len));
		if (n - at - sizeof(len) < len)
			break;
		f.last = status_of(buf + at + sizeof(len), len);
		f.greeted |= at == 0 && f.last == PALLOCD_OK;
	}
	return f;
}

/* All of it, with or without reading meanwhile. Return: false where it was cut off, or nobody takes it any more. */
static bool push(int fd, const uint8_t *data, size_t n, bool reads)
{
	size_t at = 0;

	while (at < n) {
		struct pollfd p = {.fd = fd, .events = (short)(POLLOUT | (reads ? POLLIN : 0))};
		ssize_t sent = send(fd, data + at, n - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0)
			at += (size_t)sent;
		else if (sent == 0 || errno != EAGAIN)
			return false;
		if (reads && !read_all(fd))
			return false;
		if (at < n && poll(&p, 1, PATIENCE_MSEC) != 1)
			return false;
	}
	return true;
}

static int connect_push(const struct member *m, const struct batch *b)
{
	int fd = wire_try_connect(m->path);

	if (fd < 0)
		wire_sleep_msec(1);
	else if (b)
		(void)push(fd, b->data, b->n, true);
	return fd;
}

static void done(struct member *m)
{
	atomic_fetch_add(m->ndone, 1);
}

static void storm(struct member *m)
{
	int fd = connect_push(m, random_below(&m->rnd, 2) ? &batch : NULL);

	if (fd < 0)
		return;
	done(m);
	close(fd);
}

/* Does the daemon refuse one of these within a second or so? It may be busy with others first. */
static bool refused_by_quota(const int *fd, unsigned n)
{
	for (unsigned i = 0; i < 1000; i++) {
		for (unsigned k = 0; k < n; k++)
			if (await_end(fd[k], 0))
				return farewell_read(fd[k]).last == PALLOCD_QUOTA;
		wire_sleep_msec(1);
	}
	return false;
}

static void hoard(struct member *m)
{
	int fd[HOARD_MAX];
	unsigned n = 0;

	while (n < HOARD_MAX && (fd[n] = connect_push(m, &batch)) >= 0)
		n++;
	if (refused_by_quota(fd, n))
		done(m);
	wire_sleep_msec((long)random_below(&m->rnd, 100));
	while (n)
		close(fd[--n]);
	/* The others are to have some too. */
	wire_sleep_msec(100);
}

/* Several connections that get no further than @b, until the daemon has had enough; each that @ends so counts. */
static void linger(struct member *m, const struct batch *b, bool (*ends)(const struct farewell *f))
{
	struct farewell f;
	int fd[GROUP];

	for (unsigned i = 0; i < GROUP; i++) {
		fd[i] = wire_try_connect(m->path);
		if (fd[i] >= 0 && b)
			(void)push(fd[i], b->data, b->n, false);
	}
	for (unsigned i = 0; i < GROUP; i++) {
		if (fd[i] < 0)
			continue;
		if (await_end(fd[i], PATIENCE_MSEC)) {
			f = farewell_read(fd[i]);
			if (ends(&f))
				done(m);
		}
		close(fd[i]);
	}
}

static bool ends_slow(const struct farewell *f)
{
	return !f->greeted && f->last == PALLOCD_TOO_SLOW;
}

static void silent(struct member *m)
{
	linger(m, NULL, ends_slow);
}

static bool ends_greeted_slow(const struct farewell *f)
{
	return f->greeted && f->last == PALLOCD_TOO_SLOW;
}

static void half(struct member *m)
{
	linger(m, &batch, ends_greeted_slow);
}

/* Whatever it is told, there may be no room for it. */
static bool ends_greeted(const struct farewell *f)
{
	return f->greeted;
}

static void mute(struct member *m)
{
	linger(m, &batch, ends_greeted);
}

static void flood(struct member *m)
{
	static struct batch hello;
	int fd;

	hello.n = 0;
	hello_add(&hello, 0);
	fd = connect_push(m, &hello);
	if (fd < 0)
		return;
	for (int i = 0; i < 64 && push(fd, batch.data, batch.n, true); i++)
		done(m);
	close(fd);
}

static void glutton(struct member *m)
{
	int fd[GROUP];

	for (unsigned i = 0; i < GROUP; i++)
		fd[i] = connect_push(m, &batch);
	wire_sleep_msec((long)random_below(&m->rnd, 50));
	for (unsigned i = 0; i < GROUP; i++) {
		if (fd[i] < 0)
			continue;
		if (read_all(fd[i]))
			done(m);
		close(fd[i]);
	}
}

static void garbage(struct member *m)
{
	uint8_t data[512];
	int fd = connect_push(m, random_below(&m->rnd, 2) ? &batch : NULL);

	if (fd < 0)
		return;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)random_below(&m->rnd, 256);
	/* An impossible length first, or a possible one: then it is the message that is wrong. */
	data[3] = (uint8_t)(random_below(&m->rnd, 2) * 0xff);
	data[2] = 0;
	data[1] = 0;
	(void)push(fd, data, sizeof(data), false);
	if (await_end(fd, PATIENCE_MSEC))
		done(m);
	close(fd);
}

static void watcher(struct member *m)
{
	int fd = connect_push(m, NULL);

	if (fd < 0)
		return;
	if (push(fd, batch.data, batch.n, false) && !await_end(fd, 200))
		done(m);
	close(fd);
}

/* What it sends, where that is always the same. */
static void batch_make(enum crew_kind kind)
{
	switch (kind) {
	case CREW_SILENT:
	case CREW_NKINDS:
		return;
	case CREW_STORM:
	case CREW_HOARD:
	case CREW_GARBAGE:
		/* Some sessions outlive their connection by a little. */
		hello_add(&batch, kind == CREW_STORM ? 20 : 0);
		return;
	case CREW_HALF:
		hello_add(&batch, 0);
		map_add(&batch);
		batch.n -= 2;
		return;
	case CREW_FLOOD:
		for (unsigned i = 0; i < BATCH; i++)
			alloc_add(&batch, CREW_REGION, 1, 0);
		return;
	case CREW_MUTE:
		hello_add(&batch, 0);
		for (unsigned i = 0; i < BATCH; i++)
			map_add(&batch);
		return;
	case CREW_GLUTTON:
		hello_add(&batch, 0);
		for (uint64_t npages = 1 << 14; npages; npages /= 2)
			alloc_add(&batch, CREW_REGION, npages, 0);
		alloc_add(&batch, CREW_REGION_FULL, 1, 10000);
		return;
	case CREW_WATCHER:
		hello_add(&batch, 0);
		watch_add(&batch);
		return;
	}
}

static void harm(struct member *m, enum crew_kind kind)
{
	static void (*const kinds[])(struct member * m) = {
		[CREW_STORM] = storm,     [CREW_HOARD] = hoard,     [CREW_SILENT] = silent,
		[CREW_HALF] = half,       [CREW_FLOOD] = flood,     [CREW_MUTE] = mute,
		[CREW_GLUTTON] = glutton, [CREW_GARBAGE] = garbage, [CREW_WATCHER] = watcher,
	};

	batch_make(kind);
	for (;;)
		kinds[kind](m);
}

void crew_configure(const char *path)
{
	FILE *file = fopen(path, "w");

	WIRE_MUST(file, "%s: %s", path, strerror(errno));
	fputs(configuration, file);
	WIRE_MUST(fclose(file) == 0 && chmod(path, 0644) == 0, "%s: %s", path, strerror(errno));
}

const char *crew_name(enum crew_kind kind)
{
	switch (kind) {
#define CREW_NAME(kind, name) \
	case CREW_##kind:     \
		return name;
		CREW_KINDS(CREW_NAME)
#undef CREW_NAME
	case CREW_NKINDS:
		break;
	}
	return "unknown";
}

pid_t crew_start(enum crew_kind kind, const struct actor *who, const char *path, bool idle,
		 atomic_ulong *ndone)
{
	struct member m = {.path = path, .ndone = ndone, .rnd = {(uint64_t)kind}};
	const struct sched_param param = {0};
	pid_t pid;

	fflush(NULL);
	pid = fork();
	WIRE_MUST(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	WIRE_MUST(close_range(3, UINT_MAX, 0) == 0, "close_range: %s", strerror(errno));
	WIRE_MUST(!idle || sched_setscheduler(0, SCHED_IDLE, &param) == 0, "SCHED_IDLE: %s",
		  strerror(errno));
	WIRE_MUST(actor_become(who), "cannot become uid %u", (unsigned)who->uid);
	harm(&m, kind);
	_exit(0);
}

void crew_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	WIRE_MUST(waitpid(pid, NULL, 0) == pid, "waitpid: %s", strerror(errno));
}
