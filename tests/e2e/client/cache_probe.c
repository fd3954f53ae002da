/*
 * cache_probe - a program with a page cache that does what it is told, line by line
 *
 * Role:       `cache_probe REGION [background]` reads commands and answers each with one line: take N, fill N, give N, trim, all, stat, churn N,
 *             call (one call of the handle's), close. "ok", numbers, or the name of a status.
 * Uses:       include/paclient.h
 */
#include <inttypes.h>
#include <paclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct paclient_call call = PACLIENT_CALL_INIT;
static paclient *pa;
static paclient_cache *cache;
static uint32_t region;
static uint64_t taken[1 << 16];
static size_t ntaken;

static int take(unsigned long n)
{
	int status = 0;

	while (!status && n-- && ntaken < sizeof(taken) / sizeof(taken[0])) {
		status = paclient_cache_alloc(cache, 1, &taken[ntaken], &call);
		ntaken += !status;
	}
	return status;
}

/* Until so many are taken, as others let go of theirs; for 20 seconds at the most. */
static int fill(unsigned long n)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	int status = 0;

	for (int i = 0; i < 2000 && ntaken < n; i++) {
		status = take(n - ntaken);
		if (status && status != PACLIENT_NO_SPACE)
			break;
		if (status)
			nanosleep(&pause, NULL);
	}
	return status;
}

/* The last that were taken. */
static int give(unsigned long n)
{
	int status = 0;

	while (!status && n-- && ntaken)
		status = paclient_cache_free(cache, taken[--ntaken], 1, &call);
	return status;
}

static int churn(unsigned long n)
{
	int status = 0;

	while (!status && n--) {
		status = take(1);
		if (!status)
			status = give(1);
	}
	return status;
}

/* "held free taken": all that is held is one of both. */
static int stat(void)
{
	struct paclient_cache_stat s = {.size = sizeof(s)};
	int status = paclient_cache_stat(cache, &s, &call);

	if (!status)
		printf("%" PRIu64 " %" PRIu64 " %zu\n", s.held_npages, s.free_npages, ntaken);
	return status ? status : -1;
}

/* Return: a status; -1: it is answered already. */
static int command(const char *word, unsigned long n)
{
	struct paclient_region r = {.size = sizeof(r)};

	if (!strcmp(word, "take"))
		return take(n);
	if (!strcmp(word, "fill"))
		return fill(n);
	if (!strcmp(word, "give"))
		return give(n);
	if (!strcmp(word, "churn"))
		return churn(n);
	if (!strcmp(word, "trim"))
		return paclient_cache_trim(cache, 0, &call);
	if (!strcmp(word, "all"))
		return paclient_cache_trim(cache, PACLIENT_CACHE_ALL, &call);
	if (!strcmp(word, "stat"))
		return stat();
	if (!strcmp(word, "call"))
		return paclient_region_info(pa, region, &r, &call);
	if (!strcmp(word, "close"))
		return paclient_cache_close(cache, &call);
	puts("what?");
	return -1;
}

int main(int argc, char **argv)
{
	struct paclient_cache_options o = PACLIENT_CACHE_OPTIONS_INIT;
	char line[64], word[16];
	int status;

	o.npages_max = 1024;
	o.background = argc > 2;
	if (argc < 2 || paclient_open(getenv("PACLIENT_SOCKET"), NULL, &pa, &call) ||
	    paclient_region_open(pa, argv[1], &region, &call) ||
	    paclient_cache_open(pa, region, &o, &cache, &call)) {
		fprintf(stderr, "cache_probe: %s\n", call.error.message);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		unsigned long n = 0;

		if (sscanf(line, "%15s %lu", word, &n) < 1)
			continue;
		/* The other end of standard input may be open in many processes. */
		if (!strcmp(word, "quit"))
			break;
		status = command(word, n);
		if (status >= 0)
			puts(status ? paclient_status_name(status) : "ok");
	}
	paclient_close(pa);
	return 0;
}
