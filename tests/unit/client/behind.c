/*
 * behind - a daemon with memory behind its regions
 *
 * Role:       see behind.h.
 * Uses:       fake.h, check
 */
#include "tests/unit/client/behind.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

void behind_init(struct behind *b)
{
	*b = (struct behind){.bytes = (uint64_t)BEHIND_NPAGES * BEHIND_PAGE};
	for (uint32_t i = 1; i <= BEHIND_NREGIONS; i++) {
		char path[64];

		b->fd[i] = memfd_create("behind", MFD_CLOEXEC);
		ck_assert_int_eq(ftruncate(b->fd[i], (off_t)b->bytes), 0);
		for (off_t page = 0; page < BEHIND_NPAGES; page++)
			ck_assert_int_eq(pwrite(b->fd[i], &i, sizeof(i), page * BEHIND_PAGE),
					 sizeof(i));
		snprintf(path, sizeof(path), "/proc/self/fd/%d", b->fd[i]);
		b->read[i] = open(path, O_RDONLY | O_CLOEXEC);
		ck_assert_int_ge(b->read[i], 0);
	}
}

void behind_deinit(struct behind *b)
{
	for (int i = 1; i <= BEHIND_NREGIONS; i++) {
		close(b->fd[i]);
		close(b->read[i]);
	}
}

bool behind_send(int sock, const void *bytes, size_t n, const int *fds, unsigned nfds)
{
	struct iovec from = {(void *)(uintptr_t)bytes, n};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 250)] = {0};
	struct msghdr m = {.msg_iov = &from, .msg_iovlen = 1};
	struct cmsghdr *h;

	if (nfds) {
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(h), fds, sizeof(int) * nfds);
	}
	return sendmsg(sock, &m, MSG_NOSIGNAL) == (ssize_t)n;
}

static size_t refuse(Pallocd__V1__Reply *reply, Pallocd__V1__Status status, const char *message,
		     const char *field, uint8_t *to)
{
	Pallocd__V1__Refusal refusal = PALLOCD__V1__REFUSAL__INIT;

	reply->status = status;
	reply->message = (char *)(uintptr_t)message;
	refusal.field = (char *)(uintptr_t)field;
	reply->refusal = &refusal;
	return fake_frame(reply, to);
}

static size_t answer_attach(struct behind *b, Pallocd__V1__Reply *reply,
			    const Pallocd__V1__Attach *q, uint8_t *to, int *ret_fd)
{
	Pallocd__V1__AttachReply r = PALLOCD__V1__ATTACH_REPLY__INIT;

	if (q->region_id == 5 && q->write)
		return refuse(reply, PALLOCD__V1__STATUS__DENIED, "you may not", "attach-rw", to);
	if (!q->region_id || q->region_id > BEHIND_NREGIONS)
		return refuse(reply, PALLOCD__V1__STATUS__INVALID,
			      "nothing stands behind this region", "region_id", to);
	b->nattaches++;
	*ret_fd = q->write ? b->fd[q->region_id] : b->read[q->region_id];
	r.base_addr = BEHIND_BASE;
	r.bytes = b->bytes;
	r.page_size_bytes = r.backing_page_bytes = BEHIND_PAGE;
	r.backing = PALLOCD__V1__BACKING__BACKING_MEMFD;
	r.write = q->write;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_ATTACH;
	reply->attach = &r;
	return fake_frame(reply, to);
}

static size_t answer_scavenge(struct behind *b, Pallocd__V1__Reply *reply,
			      const Pallocd__V1__Scavenge *q, uint8_t *to)
{
	Pallocd__V1__ScavengeReply r = PALLOCD__V1__SCAVENGE_REPLY__INIT;

	b->scavenged_bytes = q->bytes;
	b->waited = q->wait;
	r.released_npages = q->wait ? 17 : 0;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_SCAVENGE;
	reply->scavenge = &r;
	return fake_frame(reply, to);
}

size_t behind_answer(struct fake *f, struct behind *b, const Pallocd__V1__Request *q, uint8_t *to,
		     int *ret_fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	*ret_fd = -1;
	reply.id = q->id;
	switch (q->verb_case) {
	case PALLOCD__V1__REQUEST__VERB_ATTACH:
		return answer_attach(b, &reply, q->attach, to, ret_fd);
	case PALLOCD__V1__REQUEST__VERB_SCAVENGE:
		return answer_scavenge(b, &reply, q->scavenge, to);
	default:
		return fake_answer(f, q, to);
	}
}

void behind_serve(struct fake *f, int fd)
{
	Pallocd__V1__Request *q;
	uint8_t frame[1024];

	while ((q = fake_read(fd))) {
		int out;
		size_t n = behind_answer(f, f->arg, q, frame, &out);

		pallocd__v1__request__free_unpacked(q, NULL);
		if (!behind_send(fd, frame, n, &out, out >= 0))
			return;
	}
}

uint32_t behind_number(int fd, unsigned page)
{
	uint32_t number = 0;

	if (pread(fd, &number, sizeof(number), (off_t)page * BEHIND_PAGE) != sizeof(number))
		return 0;
	return number;
}

unsigned nopen(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	/* Itself, and the two folders. */
	return n - 3;
}

void room_for(unsigned n)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n == UINT32_MAX ? limit.rlim_max : (rlim_t)nopen() + n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

void fill_gaps(int fd)
{
	while ((unsigned)dup(fd) + 1 != nopen())
		;
}
