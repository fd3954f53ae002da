/*
 * sample - a dump for tests
 *
 * Role:       see sample.h.
 * Uses:       sample.h
 */
#include "tests/unit/cli/sample.h"

#include <stdlib.h>
#include <string.h>

#include "client/cli/source.h"

static void *add(struct dump_items *to, size_t item_bytes)
{
	void *item = dump_item_add(to, item_bytes);

	if (!item)
		abort();
	return item;
}

void sample_extent(struct dump_region *r, uint64_t first, uint64_t npages, const char *name)
{
	struct paclient_extent x = {.size = sizeof(x),
				    .addr = SAMPLE_BASE + first * SAMPLE_PAGE,
				    .npages = npages,
				    .uid = 1000,
				    .nholders = 1};

	strcpy(x.name, name);
	if (*name)
		strcpy(x.label, "a \"label\"");
	else
		x.session_id = 3;
	if (!dump_extent_add(r, &x))
		abort();
}

void sample_range(struct dump_region *r, unsigned which, uint64_t first, uint64_t npages)
{
	struct paclient_range *x = add(&r->ranges[which], sizeof(*x));

	*x = (struct paclient_range){SAMPLE_BASE + first * SAMPLE_PAGE, npages};
	r->nranges = r->ranges[SOURCE_GROWN].n;
}

static struct dump_region *region_add(struct dump *d, const char *name, uint32_t id)
{
	struct dump_region *r = add(&d->regions, sizeof(*r));

	r->settled = true;
	r->info = (struct paclient_region){.size = sizeof(r->info),
					   .id = id,
					   .base_addr = SAMPLE_BASE,
					   .page_size_bytes = SAMPLE_PAGE,
					   .limit_npages = 4096,
					   .auto_grow_npages = 512,
					   .best_fit = true,
					   .rights = PACLIENT_RIGHT_ALLOC | PACLIENT_RIGHT_ADMIN |
						     1u << 20,
					   .generation = 1};
	strcpy(r->info.name, name);
	r->stat = (struct paclient_region_stat){
		.size = sizeof(r->stat), .page_size_bytes = SAMPLE_PAGE, .limit_npages = 4096};
	r->runs.size = sizeof(r->runs);
	return r;
}

/* Grown: pages 0 to 511 and 1024 to 1535. */
static void region_fill(struct dump_region *r)
{
	struct paclient_session *s = add(&r->about.sessions, sizeof(*s));
	struct paclient_quota *q = add(&r->about.quotas, sizeof(*q));
	struct dump_share *share = add(&r->shares, sizeof(*share));

	*s = (struct paclient_session){.id = 3, .uid = 1000, .state = PACLIENT_SESSION_GRACE};
	strcpy(s->client_name, "camera");
	*q = (struct paclient_quota){.limit = UINT64_MAX, .used = 34};
	strcpy(q->name, "user_pages");
	sample_range(r, SOURCE_GROWN, 0, 512);
	sample_range(r, SOURCE_GROWN, 1024, 512);
	sample_range(r, SOURCE_RESERVED, 100, 4);
	sample_range(r, SOURCE_DRAINED, 1500, 8);
	sample_extent(r, 10, 20, "frames");
	sample_extent(r, 30, 1, "");
	sample_extent(r, 1500, 3, "");
	*share = (struct dump_share){SAMPLE_BASE + 10 * SAMPLE_PAGE, 3};
	r->info.grown_npages = r->stat.grown_npages = 1024;
	r->info.free_npages = r->stat.free_npages = 1024 - 24 - 4 - 5;
	r->info.held_npages = r->stat.held_npages = 9;
	r->stat.largest_npages = 476;
	r->stat.nextents = 3;
	r->stat.nnamed = 1;
	r->stat.session_npages = 4;
	r->stat.detached_npages = 20;
	r->runs.nruns[4] = 1;
}

char *dump_text(const struct dump *d)
{
	struct dump_writer w = {.to = NULL};
	char *text;
	size_t n;

	w.to = open_memstream(&text, &n);
	if (!w.to)
		abort();
	dump_write_head(&w, d);
	for (size_t i = 0; i < dump_nregions(d); i++)
		dump_write_region(&w, dump_region_at(d, i));
	dump_write_end(&w);
	if (fclose(w.to))
		abort();
	return text;
}

char *sample_text(void)
{
	const struct paclient_error closed = {.status = PACLIENT_FAULTED,
					      .message = "region b is closed because of B7"};
	struct dump d = {.head = {.time = "2026-01-31T12:00:00Z",
				  .client = "0.1.0",
				  .server = "pallocd 0.1.0",
				  .session_id = 7,
				  .uid = 1000,
				  .batch_max = 64}};
	struct dump_region *r;
	char *text;

	d.stat.locked_bytes_max = UINT64_MAX;
	region_fill(region_add(&d, "a", 1));
	r = region_add(&d, "b", 2);
	r->info.faulted = true;
	if (!dump_refuse(&r->about, DUMP_RUNS, &closed))
		abort();
	text = dump_text(&d);
	dump_deinit(&d);
	return text;
}
