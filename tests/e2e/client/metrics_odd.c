/*
 * metrics_odd - metrics with names that nobody should have
 *
 * Role:       writes what metrics.c makes of regions, users and a daemon whose names hold quotes, backslashes, newlines and what is no
 *             UTF-8, to standard output; metrics.sh reads it. user_text() is its own: such users need not exist.
 * Uses:       client/cli/metrics.h
 */
#include "client/cli/metrics.h"

#include <string.h>

const char *user_text(uint32_t uid, char *to)
{
	return strcpy(to, uid == 1 ? "a\"b\\c\nd" : "e\xff\xc3\xa4\xed\xa0\x80\xc0\x80g\xc3");
}

int main(int argc, char **argv)
{
	struct paclient_user_stat users[] = {
		{.size = sizeof(users[0]), .uid = 1, .npages = UINT64_MAX},
		{.size = sizeof(users[0]), .uid = UINT32_MAX - 1},
	};
	struct paclient_user_stat *pointers[] = {&users[0], &users[1]};
	struct paclient_user_list list = {2, pointers};
	struct metrics_region regions[] = {
		{.info = {.name = "q\"u\\o\nte} 1"}, .stat = {.fragmentation_ppm = 1000001}},
		{.info = {.name = "plain", .faulted = true}, .users = &list},
	};
	struct metrics m = {
		.up = true,
		.server = "pallocd \"\\\" {",
		.users = &list,
		.regions = regions,
		.nregions = 2,
		.daemon = {.uptime_usec = 1, .store_failure = "No space left on device"},
	};

	(void)argv;
	metrics_write(stdout, &m, argc > 1 ? METRICS_PROMETHEUS : METRICS_OPENMETRICS);
	return ferror(stdout) || fflush(stdout);
}
