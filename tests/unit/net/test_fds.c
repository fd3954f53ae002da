/*
 * test_fds - descriptors that go with replies
 *
 * Role:       unit tests of net/: each descriptor arrives once, with its reply's bytes or before them, whatever the socket takes. A Stat
 *             with an id from BRINGS on stands for a verb whose reply brings one: rpc_serve(3) is wrapped by the linker for that, and
 *             sendmsg(2) so that it fails, or takes less, as the test wants it; the orders lie in memory that both share.
 * Uses:       tests/unit/net/fixture.h
 */
#include "fixture.h"

#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "net/conn_private.h"

#define NFDS 16u
#define BRINGS UINT64_C(1000)

struct orders {
	pid_t daemon;
	unsigned nrefuse;          /* so many calls take nothing */
	_Atomic bool refuses;      /* no call takes anything */
	_Atomic uint64_t nrefused; /* because of that */
	size_t max;                /* bytes that a call takes; 0: any */
	int fail;                  /* the next call with descriptors fails with it */
	uint64_t nwith;            /* calls with descriptors, that were let through */
};

static struct orders *orders;
static int files[NFDS];
static ino_t inos[NFDS];

int __real_rpc_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out,
		     size_t *ret_used, size_t *ret_need);
int __wrap_rpc_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out,
		     size_t *ret_used, size_t *ret_need);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

/* Length of the frame at @data if it is complete, and the request's id; 0 if it is not. */
static size_t frame_peek(const uint8_t *data, size_t n, uint64_t *ret_id)
{
	Request *req;
	uint32_t len;

	*ret_id = 0;
	if (n < sizeof(len))
		return 0;
	memcpy(&len, data, sizeof(len));
	if (n - sizeof(len) < len)
		return 0;
	req = pallocd__v1__request__unpack(NULL, len, data + sizeof(len));
	if (req) {
		*ret_id = req->id;
		pallocd__v1__request__free_unpacked(req, NULL);
	}
	return sizeof(len) + len;
}

/* Frame by frame, so that it is known which of them have been served. */
int __wrap_rpc_serve(struct rpc_conn *conn, const uint8_t *data, size_t n, struct rpc_out *out,
		     size_t *ret_used, size_t *ret_need)
{
	size_t at = 0, frame, used;
	uint64_t id;
	int err;

	while ((frame = frame_peek(data + at, n - at, &id)) != 0) {
		*ret_used = at;
		if (out->nfds == RPC_OUT_FDS_MAX)
			return RPC_E_OUT_FULL;
		err = __real_rpc_serve(conn, data + at, frame, out, &used, ret_need);
		*ret_used = at += used;
		if (err)
			return err;
		if (id >= BRINGS)
			out->fds[out->nfds++] = files[id % NFDS];
	}
	err = __real_rpc_serve(conn, data + at, n - at, out, &used, ret_need);
	*ret_used = at + used;
	return err;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct iovec iov = msg->msg_iov[0];
	struct msghdr less = *msg;

	if (!orders || orders->daemon != getpid())
		return __real_sendmsg(fd, msg, flags);
	if (orders->nrefuse || orders->refuses) {
		orders->nrefused += orders->refuses;
		orders->nrefuse -= orders->nrefuse > 0;
		errno = EAGAIN;
		return -1;
	}
	if (orders->fail && msg->msg_controllen) {
		errno = orders->fail;
		orders->fail = 0;
		return -1;
	}
	less.msg_iov = &iov;
	if (orders->max && iov.iov_len > orders->max)
		iov.iov_len = orders->max;
	/* Before, because the test looks at it when it has got them. */
	orders->nwith += msg->msg_controllen != 0;
	return __real_sendmsg(fd, &less, flags);
}

static unsigned daemon_nfds(void)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)f.pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Until connections that are closed are so in the daemon too. */
static void await_nfds(unsigned n)
{
	for (int i = 0; daemon_nfds() != n; i++) {
		ck_assert_msg(i < WIRE_TIMEOUT_MSEC / 5, "the daemon has %u descriptors, wanted %u",
			      daemon_nfds(), n);
		wire_sleep_msec(5);
	}
}

/* Return: a connection for other things, the first; the daemon's descriptors with it are in @ret_nfds. */
static int start_with_files(unsigned *ret_nfds)
{
	struct stat st;
	int other;

	for (unsigned i = 0; i < NFDS; i++) {
		files[i] = memfd_create("file", MFD_CLOEXEC);
		ck_assert_int_ge(files[i], 0);
		ck_assert_int_eq(fstat(files[i], &st), 0);
		inos[i] = st.st_ino;
	}
	orders = mmap(NULL, sizeof(*orders), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	ck_assert_ptr_ne(orders, MAP_FAILED);
	start();
	other = wire_open(f.path);
	orders->daemon = f.pid;
	*ret_nfds = daemon_nfds();
	return other;
}

/* One that reads replies, and the descriptors that come with them. */
struct reader {
	int fd;
	uint8_t buf[2 * WIRE_FRAME_BYTES];
	size_t n;
	int fds[2048];
	unsigned nfds, nused;
};

static struct reader reader;

static void reader_open(struct reader *r)
{
	r->fd = wire_open(f.path);
	r->n = r->nfds = r->nused = 0;
}

static void fds_keep(struct reader *r, struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	size_t n;

	ck_assert_msg(!(msg->msg_flags & MSG_CTRUNC), "descriptors are cut off");
	if (!cmsg)
		return;
	n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	ck_assert_uint_le(n, RPC_OUT_FDS_MAX);
	ck_assert_uint_le(r->nfds + n, ARRAY_SIZE(r->fds));
	memcpy(r->fds + r->nfds, CMSG_DATA(cmsg), n * sizeof(int));
	r->nfds += (unsigned)n;
}

/* Return: false at the end of the stream. */
static bool reader_fill(struct reader *r)
{
	union {
		struct cmsghdr align;
		uint8_t data[CMSG_SPACE(64 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = r->buf + r->n, .iov_len = sizeof(r->buf) - r->n};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.data,
			     .msg_controllen = sizeof(control)};
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	ssize_t got;

	WIRE_MUST(poll(&p, 1, WIRE_TIMEOUT_MSEC) == 1, "the daemon does not answer");
	got = recvmsg(r->fd, &msg, MSG_CMSG_CLOEXEC);
	if (got <= 0)
		return false;
	r->n += (size_t)got;
	fds_keep(r, &msg);
	return true;
}

/* The next reply's id and status, and that its descriptor is there if it brings one. Return: false at the end of the stream. */
static bool reader_next(struct reader *r, uint64_t *ret_id, unsigned *ret_status)
{
	Reply *reply;
	uint32_t len = 0;
	struct stat st;
	int fd;

	while (r->n < sizeof(len) ||
	       (memcpy(&len, r->buf, sizeof(len)), r->n < sizeof(len) + len)) {
		if (!reader_fill(r))
			return false;
	}
	reply = pallocd__v1__reply__unpack(NULL, len, r->buf + sizeof(len));
	ck_assert_ptr_nonnull(reply);
	*ret_id = reply->id;
	*ret_status = (unsigned)reply->status;
	wire_done(reply);
	r->n -= sizeof(len) + len;
	memmove(r->buf, r->buf + sizeof(len) + len, r->n);
	if (*ret_id < BRINGS)
		return true;
	ck_assert_msg(r->nused < r->nfds, "reply %llu came before its descriptor",
		      (unsigned long long)*ret_id);
	fd = r->fds[r->nused++];
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_ino, inos[*ret_id % NFDS]);
	close(fd);
	return true;
}

static void reader_expect(struct reader *r, uint64_t id)
{
	unsigned status;
	uint64_t got;

	ck_assert_msg(reader_next(r, &got, &status), "the end, before reply %llu",
		      (unsigned long long)id);
	ck_assert_uint_eq(got, id);
	ck_assert_uint_eq(status, PALLOCD_OK);
}

static void reader_close(struct reader *r)
{
	ck_assert_uint_eq(r->nfds, r->nused);
	ck_assert_uint_eq(r->n, 0);
	close(r->fd);
}

/* What a connection gets that has asked for no descriptors. */
static void assert_none_comes(void)
{
	static struct reader r;

	reader_open(&r);
	for (uint64_t id = 1; id < 4; id++) {
		wire_request(r.fd,
			     &REQUEST(id, STAT, stat, &(Pallocd__V1__Stat)PALLOCD__V1__STAT__INIT));
		reader_expect(&r, id);
	}
	reader_close(&r);
}

static uint8_t batch[256 * 1024];

static size_t pack(uint64_t id, size_t at)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;

	ck_assert_uint_lt(at + WIRE_FRAME_BYTES, sizeof(batch));
	m.region_id = 1;
	return at + wire_pack(&REQUEST(id, STAT, stat, &m), batch + at);
}

/* Descriptor number @i of a mixture: every third reply brings none. */
static uint64_t mixed_id(uint64_t i)
{
	return i % 3 == 2 ? i : BRINGS + i * 7;
}

static void exchange_mixed(struct reader *r, unsigned n)
{
	size_t at = 0;

	for (unsigned i = 0; i < n; i++)
		at = pack(mixed_id(i), at);
	wire_send(r->fd, batch, at);
	for (unsigned i = 0; i < n; i++)
		reader_expect(r, mixed_id(i));
}

START_TEST(each_comes_once_and_in_order)
{
	unsigned nfds;
	int other = start_with_files(&nfds);

	for (unsigned n = 1; n < 100; n = n * 2 + 1) {
		reader_open(&reader);
		exchange_mixed(&reader, n);
		reader_close(&reader);
		assert_none_comes();
	}
	await_nfds(nfds);
	close(other);
	stop();
}
END_TEST

/* Those of a batch go together, as far as one message has room. */
START_TEST(a_batch_is_one_message)
{
	unsigned nfds;
	int other = start_with_files(&nfds);
	size_t at = 0;

	reader_open(&reader);
	for (unsigned i = 0; i < RPC_OUT_FDS_MAX; i++)
		at = pack(BRINGS + i, at);
	wire_send(reader.fd, batch, at);
	for (unsigned i = 0; i < RPC_OUT_FDS_MAX; i++)
		reader_expect(&reader, BRINGS + i);
	ck_assert_uint_eq(orders->nwith, 1);
	reader_close(&reader);
	await_nfds(nfds);
	close(other);
	stop();
}
END_TEST

START_TEST(whatever_the_socket_takes)
{
	static const size_t max[] = {0, 1, 3, 100, 1000};
	unsigned nfds;
	int other = start_with_files(&nfds);

	for (size_t i = 0; i < ARRAY_SIZE(max); i++) {
		for (unsigned nrefuse = 0; nrefuse < 4; nrefuse++) {
			reader_open(&reader);
			orders->max = max[i];
			orders->nrefuse = nrefuse;
			exchange_mixed(&reader, 30);
			ck_assert_uint_eq(orders->nrefuse, 0);
			orders->max = 0;
			reader_close(&reader);
			assert_none_comes();
		}
	}
	await_nfds(nfds);
	close(other);
	stop();
}
END_TEST

/* Real sockets that are full, with replies waiting in the daemon that bring some. */
START_TEST(a_client_reads_late)
{
	Pallocd__V1__Map m = PALLOCD__V1__MAP__INIT;
	static uint8_t buf[2 * WIRE_FRAME_BYTES];
	unsigned nfds, nsent = 0;
	struct pollfd p = {.events = POLLOUT};
	int other = start_with_files(&nfds);
	Reply *reply;
	size_t n;

	reader_open(&reader);
	p.fd = reader.fd;
	m.region_id = 1;
	m.ncells = 4096;
	while (nsent < CONN_FDS_UNREAD_MAX && poll(&p, 1, 100) == 1) {
		n = wire_pack(&REQUEST(nsent, MAP, map, &m), buf);
		n += wire_pack(&REQUEST(BRINGS + nsent, STAT, stat,
					&(Pallocd__V1__Stat)PALLOCD__V1__STAT__INIT),
			       buf + n);
		wire_send(reader.fd, buf, n);
		nsent++;
	}
	reply = wire_stat(other);
	ck_assert_uint_gt(reply->stat->daemon->queued_bytes, 0);
	wire_done(reply);
	for (unsigned i = 0; i < nsent; i++) {
		reader_expect(&reader, i);
		reader_expect(&reader, BRINGS + i);
	}
	reader_close(&reader);
	assert_none_comes();
	await_nfds(nfds);
	close(other);
	stop();
}
END_TEST

static uint64_t cut_off_total(int fd)
{
	Reply *reply = wire_stat(fd);
	uint64_t n = reply->stat->daemon->cut_off_total;

	wire_done(reply);
	return n;
}

static int nbytes_unread(int fd)
{
	int n;

	ck_assert_int_eq(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

/* One that reads what it gets may have any number; one that does not is cut off. Of two requests served together, neither is answered if they are too many. */
START_TEST(unread_ones_have_a_limit)
{
	unsigned nfds, n = 2 * CONN_FDS_UNREAD_MAX + 10, nread = 0, status;
	int other = start_with_files(&nfds);
	uint64_t id;

	reader_open(&reader);
	for (unsigned i = 0; i < n; i++) {
		wire_send(reader.fd, batch, pack(BRINGS + i, 0));
		reader_expect(&reader, BRINGS + i);
	}
	reader_close(&reader);
	ck_assert_uint_eq(cut_off_total(other), 0);

	reader_open(&reader);
	for (unsigned i = 0; i <= CONN_FDS_UNREAD_MAX; i++) {
		int nbytes = nbytes_unread(reader.fd);

		wire_send(reader.fd, batch, pack(BRINGS + i, 0));
		while (nbytes_unread(reader.fd) == nbytes && !cut_off_total(other))
			usleep(1000);
	}
	ck_assert_uint_eq(cut_off_total(other), 1);
	while (reader_next(&reader, &id, &status))
		nread++;
	ck_assert_uint_eq(nread, CONN_FDS_UNREAD_MAX);
	close(reader.fd);
	assert_none_comes();
	await_nfds(nfds);
	close(other);
	stop();
}
END_TEST

/* The next connection must not get what was meant for one that has ended. */
START_TEST(a_connection_ends_before_they_are_sent)
{
	unsigned nfds;
	int other = start_with_files(&nfds);
	size_t at;

	for (unsigned n = 1; n <= RPC_OUT_FDS_MAX + 1; n++) {
		at = 0;
		for (unsigned i = 0; i < n; i++)
			at = pack(BRINGS + i, at);
		/* Gone when the daemon looks. */
		reader_open(&reader);
		ck_assert_int_eq(kill(f.pid, SIGSTOP), 0);
		wire_send(reader.fd, batch, at);
		close(reader.fd);
		ck_assert_int_eq(kill(f.pid, SIGCONT), 0);
		assert_none_comes();
		/* Gone while they wait. */
		reader_open(&reader);
		orders->nrefused = 0;
		orders->refuses = true;
		wire_send(reader.fd, batch, at);
		while (!orders->nrefused)
			wire_sleep_msec(1);
		close(reader.fd);
		orders->refuses = false;
		await_nfds(nfds);
		assert_none_comes();
	}
	await_nfds(nfds);
	close(other);
	stop();
}
END_TEST

/* Closed in the middle of being served, with replies and descriptors in the loop's buffer. */
START_TEST(no_memory_in_the_middle)
{
	static const uint8_t large[] = {0xff, 0xff, 0, 0, 1, 2, 3};
	unsigned nfds, status;
	int other;
	size_t at;
	uint64_t id;

	f.mem_fail_after_signal = 0;
	other = start_with_files(&nfds);
	reader_open(&reader);
	at = pack(BRINGS + 5, 0);
	memcpy(batch + at, large, sizeof(large));
	ck_assert_int_eq(kill(f.pid, SIGUSR1), 0);
	wire_send(reader.fd, batch, at + sizeof(large));
	ck_assert(!reader_next(&reader, &id, &status));
	close(reader.fd);
	/* The first thing that is served now must bring none, and nothing else of it. */
	reader.fd = other;
	wire_send(other, batch, pack(7, 0));
	reader_expect(&reader, 7);
	ck_assert_uint_eq(reader.nfds, 0);
	ck_assert_int_eq(kill(f.pid, SIGUSR2), 0);
	await_nfds(nfds);
	close(other);
	stop();
}
END_TEST

START_TEST(they_cannot_be_sent)
{
	static const int errors[] = {ETOOMANYREFS, EBADF, EPERM};
	unsigned nfds, status;
	int other = start_with_files(&nfds);
	uint64_t id;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		reader_open(&reader);
		orders->fail = errors[i];
		wire_send(reader.fd, batch, pack(BRINGS + 1, pack(1, 0)));
		ck_assert_msg(!reader_next(&reader, &id, &status),
			      "a reply without its descriptor");
		close(reader.fd);
		ck_assert_uint_eq(cut_off_total(other), i + 1);
		assert_none_comes();
	}
	await_nfds(nfds);
	close(other);
	stop();
}
END_TEST

/* Who is cut off gets what was answered before, with its descriptors, and then the last words, without any. */
START_TEST(before_the_last_words)
{
	static const uint8_t large[] = {0xff, 0xff, 0, 0, 1, 2, 3};
	unsigned nfds, status;
	int other;
	size_t at;
	uint64_t id;

	f.limits.queued_bytes = 1000;
	other = start_with_files(&nfds);
	reader_open(&reader);
	at = pack(BRINGS + 5, pack(1, pack(BRINGS + 3, 0)));
	memcpy(batch + at, large, sizeof(large));
	wire_send(reader.fd, batch, at + sizeof(large));
	reader_expect(&reader, BRINGS + 3);
	reader_expect(&reader, 1);
	reader_expect(&reader, BRINGS + 5);
	ck_assert(reader_next(&reader, &id, &status));
	ck_assert_uint_eq(status, PALLOCD_QUOTA);
	ck_assert(!reader_next(&reader, &id, &status));
	reader_close(&reader);
	assert_none_comes();
	await_nfds(nfds);
	close(other);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fds");
	TCase *tc = tcase_create("fds");
	SRunner *runner;
	int nfailed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, each_comes_once_and_in_order);
	tcase_add_test(tc, a_batch_is_one_message);
	tcase_add_test(tc, whatever_the_socket_takes);
	tcase_add_test(tc, a_client_reads_late);
	tcase_add_test(tc, unread_ones_have_a_limit);
	tcase_add_test(tc, a_connection_ends_before_they_are_sent);
	tcase_add_test(tc, no_memory_in_the_middle);
	tcase_add_test(tc, they_cannot_be_sent);
	tcase_add_test(tc, before_the_last_words);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	nfailed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return nfailed ? EXIT_FAILURE : EXIT_SUCCESS;
}
