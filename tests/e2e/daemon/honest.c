/*
 * honest - a process of a user that minds its own business
 *
 * Role:       see honest.h.
 * Uses:       tests/e2e/daemon/actor.h
 */
#include "tests/e2e/daemon/honest.h"

#include <sys/mman.h>

#define RECONNECT_ROUNDS 64u

void *shared_alloc(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	WIRE_MUST(p != MAP_FAILED, "mmap: %s", strerror(errno));
	return p;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t take(struct honest *h, int fd, uint64_t npages)
{
	uint64_t begin = now_ns(), addr;
	unsigned status = wire_alloc(fd, npages, PALLOCD__V1__LIFETIME__SESSION, &addr);

	WIRE_MUST(!status, "an Alloc was refused: %s", pallocd_status_name(status));
	hist_add(&h->request, now_ns() - begin);
	return addr;
}

static void give(struct honest *h, int fd, uint64_t addr, uint64_t npages)
{
	uint64_t begin = now_ns();
	unsigned status = wire_free(fd, addr, npages);

	WIRE_MUST(!status, "a Free was refused: %s", pallocd_status_name(status));
	hist_add(&h->request, now_ns() - begin);
}

/* What it held goes with the old one. */
static int reconnect(struct honest *h, int old, const char *path)
{
	uint64_t begin = now_ns();
	int fd = wire_open(path);

	hist_add(&h->connect, now_ns() - begin);
	if (old >= 0)
		close(old);
	return fd;
}

static void live(struct honest *h, const char *path, uint64_t nrounds)
{
	int fd = -1;

	for (uint64_t i = 0; i < nrounds || !atomic_load(&h->stop); i++) {
		uint64_t npages = 1 + i % 8, addr;

		if (i % RECONNECT_ROUNDS == 0)
			fd = reconnect(h, fd, path);
		addr = take(h, fd, npages);
		/* One of them is left to the end of the session. */
		if (i % RECONNECT_ROUNDS)
			give(h, fd, addr, npages);
	}
}

pid_t honest_start(const struct actor *who, const char *path, uint64_t nrounds, struct honest *h)
{
	pid_t pid;

	atomic_store(&h->stop, false);
	fflush(NULL);
	pid = fork();
	WIRE_MUST(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	WIRE_MUST(close_range(3, UINT_MAX, 0) == 0, "close_range: %s", strerror(errno));
	WIRE_MUST(actor_become(who), "cannot become uid %u", (unsigned)who->uid);
	live(h, path, nrounds);
	_exit(0);
}

bool honest_stop(pid_t pid, struct honest *h)
{
	int status;

	atomic_store(&h->stop, true);
	WIRE_MUST(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	return status == 0;
}

void honest_print(const struct honest *h, const char *what)
{
	printf("%-8s requests: %8llu, p50 %8.1f us, p99 %8.1f us; connections: %6llu, p50 %8.1f "
	       "us, "
	       "p99 %8.1f us\n",
	       what, (unsigned long long)h->request.n, hist_quantile(&h->request, 0.5) / 1e3,
	       hist_quantile(&h->request, 0.99) / 1e3, (unsigned long long)h->connect.n,
	       hist_quantile(&h->connect, 0.5) / 1e3, hist_quantile(&h->connect, 0.99) / 1e3);
}
