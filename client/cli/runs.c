/*
 * runs - the runs of free pages by length
 *
 * Role:       the histogram as a table and as JSON, and what it says about fragmentation.
 * Uses:       source.h
 */
#include "client/cli/source.h"

#include <inttypes.h>
#include <stdio.h>

#define PPM_PER_PERCENT 10000.0

int runs_get(const struct cli *cli, struct source *src, uint32_t region_id,
	     struct paclient_free_runs *ret)
{
	struct paclient_call call;
	int status;

	*ret = (struct paclient_free_runs){.size = sizeof(*ret)};
	call_init(cli, &call);
	status = src->ask->free_runs(src, region_id, ret, &call);
	if (!status)
		return 0;
	ret->size = 0;
	/* What else there is to say about the region is worth saying. */
	if (status == PACLIENT_UNKNOWN_VERB || status == PACLIENT_FAULTED)
		return 0;
	return call_error(cli, &call.error);
}

static uint64_t shortest(size_t class)
{
	return UINT64_C(1) << class;
}

static uint64_t longest(size_t class)
{
	return (UINT64_C(2) << class) - 1;
}

void fragmentation_line(uint64_t ppm)
{
	key_value("fragmentation",
		  "%.1f %% (share of the free pages that lie outside of the longest run)",
		  (double)ppm / PPM_PER_PERCENT);
}

static void class_row(const struct paclient_free_runs *runs, size_t class, uint64_t page_size_bytes)
{
	char lengths[64], text[SIZE_TEXT_BYTES];

	snprintf(lengths, sizeof(lengths), class ? "%" PRIu64 " to %" PRIu64 : "%" PRIu64,
		 shortest(class), longest(class));
	printf("  %-28s %12" PRIu64 " %14" PRIu64 " %10s\n", lengths, runs->nruns[class],
	       runs->npages[class],
	       size_text(pages_bytes(runs->npages[class], page_size_bytes), text));
}

void runs_table(const struct cli *cli, const struct paclient_free_runs *runs,
		uint64_t page_size_bytes)
{
	if (!runs->size)
		return;
	heading(cli, "%-30s %12s %14s %10s\n", "free runs of so many pages", "RUNS", "PAGES",
		"SIZE");
	for (size_t i = 0; i < PACLIENT_RUN_CLASSES; i++) {
		if (runs->nruns[i])
			class_row(runs, i, page_size_bytes);
	}
}

json_t *runs_json(const struct paclient_free_runs *runs)
{
	size_t n = PACLIENT_RUN_CLASSES;
	json_t *array;

	if (!runs->size)
		return json_null();
	array = json_array();
	while (n && !runs->nruns[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_pack("{s:o, s:o, s:o, s:o}", "shortest_npages",
						       json_count(shortest(i)), "longest_npages",
						       json_count(longest(i)), "nruns",
						       json_count(runs->nruns[i]), "npages",
						       json_count(runs->npages[i])));
	return array;
}

/* From the longest runs down: whole classes, and of the last one as many as are needed at their shortest. */
uint64_t runs_extents(const struct paclient_free_runs *runs, uint64_t npages)
{
	uint64_t n = 0;

	for (size_t i = PACLIENT_RUN_CLASSES; i-- > 0;) {
		if (runs->npages[i] >= npages) {
			uint64_t few = (npages + shortest(i) - 1) / shortest(i);

			return n + (few < runs->nruns[i] ? few : runs->nruns[i]);
		}
		npages -= runs->npages[i];
		n += runs->nruns[i];
	}
	return 0;
}
