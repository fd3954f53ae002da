/*
 * consumer - a stranger's program against the installed library
 *
 * Role:       built by install.sh in every way that a stranger may build it; takes and gives back pages.
 * Uses:       <paclient.h>
 */
#include <paclient.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	uint64_t npages[2] = {3, 4}, addrs[2];
	paclient *pa = NULL;
	uint32_t region;

	if (argc != 3)
		return 2;
	if (paclient_open(argv[1], NULL, &pa, &call) ||
	    paclient_region_open(pa, argv[2], &region, &call) ||
	    paclient_alloc_batch(pa, region, 2, npages, 0, addrs, &call) ||
	    paclient_free(pa, region, addrs[0], npages[0], &call)) {
		fprintf(stderr, "%s\n", call.error.message);
		return 1;
	}
	if (paclient_free(pa, region, addrs[0], npages[0], &call) != PACLIENT_NOT_ALLOCATED)
		return 1;
	printf("%s %s\n", paclient_version(), paclient_status_name(call.error.status));
	paclient_close(pa);
	return 0;
}
