/*
 * sync - transactions that are synced, beside bare syncs
 *
 * Role:       see sync.h.
 * Uses:       server.h, load.h, util.h
 */
#include "sync.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "load.h"
#include "util.h"

#define DEPTH 64u
/* About what a transaction writes: the pages from the root to a leaf, and those that say what is free. */
#define WRITE_BYTES 16384u
#define FILE_BYTES (UINT64_C(1) << 20)

/* Nanoseconds that writing some pages of a file that is there, and syncing them, takes on average. */
static double bare_ns(int fd, uint64_t run_ns)
{
	static const uint8_t bytes[WRITE_BYTES];
	uint64_t begin = clock_ns(CLOCK_MONOTONIC), now = begin, n = 0;

	for (; now - begin < run_ns; now = clock_ns(CLOCK_MONOTONIC)) {
		off_t at = (off_t)(n++ * WRITE_BYTES % FILE_BYTES);

		if (pwrite(fd, bytes, sizeof(bytes), at) != (ssize_t)sizeof(bytes) || fdatasync(fd))
			die("write and sync: %s", strerror(errno));
	}
	return (double)(now - begin) / (double)n;
}

/* Nanoseconds a transaction, and requests that one carries. */
static double synced_ns(const struct server *s, uint64_t run_ns, double *ret_nrequests)
{
	static struct load_result r;
	uint64_t ncommits = server_commits(s);

	load_run(s, 1, DEPTH, 0, run_ns, &r);
	ncommits = server_commits(s) - ncommits;
	if (!ncommits)
		die("nothing was synced in %.3f s", (double)run_ns / 1e9);
	*ret_nrequests = (double)r.nrequests / (double)ncommits;
	return (double)r.elapsed_ns / (double)ncommits;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int sync_run(const char *pallocd, unsigned rounds, double seconds)
{
	uint64_t run_ns = (uint64_t)(seconds * 1e9);
	double ratios[SYNC_ROUNDS_MAX], nrequests;
	static struct server server;
	char path[PATH_MAX], dir[PATH_MAX - 8];
	int fd;

	server_start(&server, SERVER_PALLOCD_SYNCED, pallocd);
	snprintf(path, sizeof(path), "%s/bare", server_dir(&server, dir, sizeof(dir)));
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || unlink(path) || posix_fallocate(fd, 0, (off_t)FILE_BYTES))
		die("%s: %s", path, strerror(errno));
	/* Each of its blocks has been written once: none is found anew while it is measured. */
	bare_ns(fd, run_ns);
	puts("round  bare us  transaction us  requests in one  ratio");
	for (unsigned i = 0; i < rounds; i++) {
		double bare = bare_ns(fd, run_ns), synced = synced_ns(&server, run_ns, &nrequests);

		ratios[i] = synced / bare;
		printf("%5u %8.1f %15.1f %16.1f %6.2f\n", i + 1, bare / 1000, synced / 1000,
		       nrequests, ratios[i]);
		fflush(stdout);
	}
	qsort(ratios, rounds, sizeof(ratios[0]), compare);
	printf("median ratio: %.2f\n",
	       rounds % 2 ? ratios[rounds / 2] : (ratios[rounds / 2 - 1] + ratios[rounds / 2]) / 2);
	close(fd);
	return 0;
}
