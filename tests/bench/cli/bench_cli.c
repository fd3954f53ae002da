/*
 * bench_cli - how long two commands take as whole processes, beside each other
 *
 * Role:       runs both in blocks, in turns, so that what else goes on meets both; prints the median of each, and of their ratio
 *             over the blocks. bench_cli BLOCKS RUNS GOAL [A...] -- [B...]: exit code 1 where A takes more than GOAL times as long.
 * Uses:       libc
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static posix_spawn_file_actions_t silent;

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double run_us(char **argv)
{
	uint64_t began = clock_ns();
	int status;
	pid_t pid;

	if (posix_spawn(&pid, argv[0], &silent, NULL, argv, environ))
		err(1, "%s", argv[0]);
	if (waitpid(pid, &status, 0) < 0 || status)
		errx(1, "%s has failed", argv[0]);
	return (double)(clock_ns() - began) / 1000;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static double block_us(char **argv, double *room, size_t nruns)
{
	for (size_t i = 0; i < nruns; i++)
		room[i] = run_us(argv);
	return median(room, nruns);
}

int main(int argc, char **argv)
{
	size_t nblocks = argc > 6 ? strtoul(argv[1], NULL, 10) : 0,
	       nruns = nblocks ? strtoul(argv[2], NULL, 10) : 0;
	double goal, *room, *a_us, *b_us, *ratio, r;
	char **a = argv + 4, **b = a;

	while (nruns && *b && strcmp(*b, "--") != 0)
		b++;
	if (!nruns || !*b || !b[1])
		errx(2, "bench_cli BLOCKS RUNS GOAL A... -- B...");
	*b++ = NULL;
	goal = strtod(argv[3], NULL);
	room = calloc(nruns, sizeof(*room));
	a_us = calloc(nblocks, sizeof(*a_us));
	b_us = calloc(nblocks, sizeof(*b_us));
	ratio = calloc(nblocks, sizeof(*ratio));
	if (!room || !a_us || !b_us || !ratio)
		errx(1, "no memory");
	posix_spawn_file_actions_init(&silent);
	posix_spawn_file_actions_addopen(&silent, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	for (size_t i = 0; i < nblocks; i++) {
		/* Who comes first alternates, too. */
		if (i % 2)
			b_us[i] = block_us(b, room, nruns);
		a_us[i] = block_us(a, room, nruns);
		if (i % 2 == 0)
			b_us[i] = block_us(b, room, nruns);
		ratio[i] = a_us[i] / b_us[i];
	}
	r = median(ratio, nblocks);
	printf("%.0f us: %s\n%.0f us: %s\nratio %.2f (from %.2f to %.2f over %zu blocks of %zu "
	       "runs), goal %.2f\n",
	       median(a_us, nblocks), a[0], median(b_us, nblocks), b[0], r, ratio[0],
	       ratio[nblocks - 1], nblocks, nruns, goal);
	return goal > 0 && r > goal;
}
