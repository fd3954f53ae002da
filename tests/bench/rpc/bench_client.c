/*
 * bench_client - what libpaclient adds to the frames that it sends and receives
 *
 * Role:       pairs of alloc and free of one page from one thread: by frames written and read by hand on a blocking socket (raw), and by the
 *             library's calls (blocking), in turns; beside a pallocd, and then with a peer that answers without a system call.
 * Uses:       server.h, <paclient.h>
 *
 * CPU time of the calling thread alone. What counts is the difference to raw, as a median over the rounds: goal 150 ns a call. It is that
 * of the second half: system calls and the change to another process take a hundred times as long, and vary by more than what is asked for. The peer of that
 * half stands in for send(2), recv(2) and recvmsg(2), which are defined here; its replies are those that pallocd has sent.
 * For instructions: valgrind --tool=callgrind bench_client --only blocking --pairs 20000.
 */
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "include/paclient.h"
#include "server.h"
#include "util.h"

#define ROUNDS_MAX 99

enum way { RAW, BLOCKING, NWAYS };

static const char *const names[NWAYS] = {"raw", "blocking"};

struct bench {
	struct server server;
	int fd;
	paclient *client;
	uint32_t region;
	unsigned pairs;
	unsigned rounds;
	int only;
};

/* The peer that answers at once, and what pallocd has answered to an Alloc and a Free: what lies behind the id. */
struct tail {
	uint8_t bytes[64];
	size_t n;
};

static struct {
	bool on;
	struct tail alloc, free;
	uint8_t reply[128];
	size_t n; /* of the reply; 0 = nobody has asked */
} peer;

#define ID_TAG 0x08
#define ALLOC_TAG 0x2a
#define FREE_TAG 0x32

/* Of one request. */
static void peer_asked(const uint8_t *frame)
{
	const uint8_t *p = frame + PALLOCD_FRAME_HEADER_BYTES;
	uint8_t *to = peer.reply + PALLOCD_FRAME_HEADER_BYTES;
	const struct tail *tail;

	if (*p++ != ID_TAG)
		die("a request without an id");
	*to++ = ID_TAG;
	do
		*to++ = *p;
	while (*p++ & 0x80);
	/* Numbers may stand before the verb. */
	while (*p != ALLOC_TAG && *p != FREE_TAG) {
		while (*p++ & 0x80)
			;
		while (*p++ & 0x80)
			;
	}
	tail = *p == ALLOC_TAG ? &peer.alloc : &peer.free;
	memcpy(to, tail->bytes, tail->n);
	to += tail->n;
	frame_put(peer.reply, (uint32_t)(to - peer.reply - PALLOCD_FRAME_HEADER_BYTES));
	peer.n = (size_t)(to - peer.reply);
}

static ssize_t peer_answers(void *to, size_t room)
{
	size_t n = peer.n;

	if (!n || n > room)
		die("there is no answer, or no room for it");
	memcpy(to, peer.reply, n);
	peer.n = 0;
	return (ssize_t)n;
}

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
	if (!peer.on)
		return syscall(SYS_sendto, fd, bytes, n, flags, NULL, 0);
	peer_asked(bytes);
	return (ssize_t)n;
}

ssize_t recv(int fd, void *to, size_t room, int flags)
{
	if (!peer.on)
		return syscall(SYS_recvfrom, fd, to, room, flags, NULL, NULL);
	return peer_answers(to, room);
}

ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	if (!peer.on)
		return syscall(SYS_recvmsg, fd, m, flags);
	m->msg_controllen = 0;
	m->msg_flags = 0;
	return peer_answers(m->msg_iov[0].iov_base, m->msg_iov[0].iov_len);
}

/* From a reply to a request whose id takes a byte. */
static void tail_keep(struct tail *t, const uint8_t *frame, size_t n)
{
	const size_t begin = PALLOCD_FRAME_HEADER_BYTES + 2;

	if (peer.on || n < begin || n - begin > sizeof(t->bytes))
		return;
	t->n = n - begin;
	memcpy(t->bytes, frame + begin, t->n);
}

static void send_all(int fd, const uint8_t *bytes, size_t n)
{
	if (send(fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n)
		die("send: %s", strerror(errno));
}

/* One whole frame: pallocd answers one request at a time here. */
static size_t receive(int fd, uint8_t *to, size_t room)
{
	ssize_t n = recv(fd, to, room, 0);

	if (n < (ssize_t)PALLOCD_FRAME_HEADER_BYTES ||
	    (size_t)n != PALLOCD_FRAME_HEADER_BYTES + frame_get(to))
		die("no whole reply");
	return (size_t)n;
}

/* The first address of an AllocReply: Reply.id, then Reply.alloc with its packed addresses. */
static uint64_t addr_read(const uint8_t *frame)
{
	const uint8_t *p = frame + PALLOCD_FRAME_HEADER_BYTES;
	uint64_t v = 0;

	/* id, tag and length of the result, tag and length of the addresses */
	p += 2 + 2 + 2;
	for (unsigned shift = 0;; shift += 7) {
		v |= (uint64_t)(*p & 0x7f) << shift;
		if (!(*p++ & 0x80))
			return v;
	}
}

static void raw_pair(struct bench *b)
{
	/* Request{id 5, alloc{region_id, npages [1]}} */
	uint8_t ask[] = {9, 0, 0, 0, 0x08, 5, 0x2a, 5, 0x08, (uint8_t)b->region, 0x1a, 1, 1};
	uint8_t give[64] = {0, 0, 0, 0, 0x08, 6, 0x32, 0, 0x08, (uint8_t)b->region, 0x1a, 0};
	uint8_t in[256], *p = give + 12;
	uint64_t addr;

	send_all(b->fd, ask, sizeof(ask));
	tail_keep(&peer.alloc, in, receive(b->fd, in, sizeof(in)));
	for (addr = addr_read(in); addr >= 0x80; addr >>= 7)
		*p++ = (uint8_t)(addr | 0x80);
	*p++ = (uint8_t)addr;
	give[11] = (uint8_t)(p - give - 12);
	*p++ = 0x22;
	*p++ = 1;
	*p++ = 1;
	give[7] = (uint8_t)(p - give - 8);
	frame_put(give, (uint32_t)(p - give - 4));
	send_all(b->fd, give, (size_t)(p - give));
	tail_keep(&peer.free, in, receive(b->fd, in, sizeof(in)));
}

static void blocking_pair(struct bench *b)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	uint64_t addr;

	if (paclient_alloc(b->client, b->region, 1, 0, &addr, &call) ||
	    paclient_free(b->client, b->region, addr, 1, &call))
		die("%s", call.error.message);
}

static void run(struct bench *b, enum way way, unsigned pairs)
{
	for (unsigned i = 0; i < pairs; i++) {
		switch (way) {
		case RAW:
			raw_pair(b);
			break;
		case BLOCKING:
			blocking_pair(b);
			break;
		case NWAYS:
			break;
		}
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void measure(struct bench *b, const char *beside)
{
	static double ns[NWAYS][ROUNDS_MAX], more[NWAYS][ROUNDS_MAX];

	for (unsigned r = 0; r < b->rounds; r++) {
		for (unsigned way = 0; way < NWAYS; way++) {
			uint64_t begin;

			run(b, way, b->pairs / 10 + 1);
			begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
			run(b, way, b->pairs);
			ns[way][r] = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / 2 /
				     b->pairs;
			more[way][r] = ns[way][r] - ns[RAW][r];
		}
	}
	printf("%-24s %10s %10s\n", beside, "ns a call", "above raw");
	for (unsigned way = 0; way < NWAYS; way++)
		printf("  %-22s %10.0f %10.0f\n", names[way], median(ns[way], b->rounds),
		       median(more[way], b->rounds));
}

static unsigned number(const char *option, const char *text, unsigned max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || end == text || !v || v > max) {
		fprintf(stderr, "bench_client: %s: %s: wanted a number from 1 to %u\n", option,
			text, max);
		exit(2);
	}
	return (unsigned)v;
}

static int way_number(const char *text)
{
	for (int i = 0; i < NWAYS; i++)
		if (!strcmp(text, names[i]))
			return i;
	fprintf(stderr, "bench_client: --only: %s: no way of that name\n", text);
	exit(2);
}

static void parse_options(struct bench *b, int argc, char **argv)
{
	static const struct option longs[] = {{"pairs", required_argument, NULL, 'p'},
					      {"rounds", required_argument, NULL, 'r'},
					      {"only", required_argument, NULL, 'o'},
					      {NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'p')
			b->pairs = number("--pairs", optarg, 100000000);
		else if (option == 'r')
			b->rounds = number("--rounds", optarg, ROUNDS_MAX);
		else if (option == 'o')
			b->only = way_number(optarg);
		else
			exit(2);
	}
}

/* pallocd beside this program */
static const char *find_pallocd(void)
{
	static char path[PATH_MAX + sizeof("/pallocd")];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n < 0)
		die("/proc/self/exe: %s", strerror(errno));
	path[n] = '\0';
	strcat(dirname(path), "/pallocd");
	return path;
}

int main(int argc, char **argv)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct bench b = {.pairs = 20000, .rounds = 9, .only = -1};

	parse_options(&b, argc, argv);
	server_start(&b.server, SERVER_PALLOCD, find_pallocd());
	pin_client();
	b.fd = server_connect(&b.server);
	if (paclient_open(b.server.addr.sun_path, NULL, &b.client, &call) ||
	    paclient_region_open(b.client, "bench", &b.region, &call))
		die("%s", call.error.message);
	run(&b, RAW, 1);
	if (b.only < 0) {
		struct bench still = b;

		measure(&b, "beside pallocd");
		peer.on = true;
		still.pairs *= 10;
		measure(&still, "without system calls");
	} else {
		run(&b, (enum way)b.only, b.pairs);
	}
	paclient_close(b.client);
	close(b.fd);
	return 0;
}
