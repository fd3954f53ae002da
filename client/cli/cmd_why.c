/*
 * cmd_why - the verbs why and fit
 *
 * Role:       ask what an alloc would do, and say it so that somebody can act on it.
 * Uses:       source.h
 */
#include "client/cli/source.h"

#include <inttypes.h>
#include <stdio.h>

static void question_deinit(struct question *q)
{
	source_closep(&q->src);
}

static int question_read(struct cli *cli, struct question *q)
{
	const char *name = cli_region_take(cli);
	struct amount amount;
	int err;

	if (!name || !cli->nargs)
		return usage_error(cli, "name a region and a size: paclient %s REGION NPAGES|SIZE",
				   cli->verb->name);
	if (cli->nargs > 1)
		return usage_error(cli, "takes one size, \"%s\" is one too many", cli->args[1]);
	err = cli_amount(cli, cli->args[0], &amount);
	if (!err)
		err = placement_check(cli);
	if (!err)
		err = source_open(cli, &q->src);
	if (!err)
		err = source_region(cli, q->src, name, &q->region);
	if (!err)
		err = placement_get(cli, &q->region, &q->placement, &q->where);
	if (!err)
		amount_npages(&amount, q->region.page_size_bytes, &q->npages);
	return err;
}

static json_t *question_json(const struct question *q)
{
	uint64_t page = q->region.page_size_bytes;

	return json_pack("{s:s, s:o, s:o, s:o}", "region", q->region.name, "page_size_bytes",
			 json_count(page), "npages", json_count(q->npages), "bytes",
			 json_count(pages_bytes(q->npages, page)));
}

/* The address is null where there is none: 0 is an address, too. */
static int why_json(const struct cli *cli, const struct question *q, const struct paclient_why *w,
		    const struct remedies *r)
{
	json_t *o = question_json(q);

	json_object_set_new(o, "fits", json_boolean(w->fits));
	json_object_set_new(o, "addr", w->fits ? json_addr(w->addr) : json_null());
	json_object_set_new(o, "grow_npages", json_count(w->grow_npages));
	json_object_set_new(o, "free_npages", json_count(w->free_npages));
	json_object_set_new(o, "largest_npages", json_count(w->largest_npages));
	json_object_set_new(o, "placed_npages", json_count(w->placed_npages));
	json_object_set_new(o, "aligned_npages", json_count(w->aligned_npages));
	json_object_set_new(o, "bounded_npages", json_count(w->bounded_npages));
	json_object_set_new(o, "growable_npages", json_count(w->growable_npages));
	json_object_set_new(o, "short_npages", json_count(w->short_npages));
	json_object_set_new(o, "quota", json_text(w->quota));
	json_object_set_new(o, "quota_npages",
			    w->quota[0] ? json_count(w->quota_npages) : json_null());
	json_object_set_new(o, "quota_short_npages", json_count(w->quota_short_npages));
	json_object_set_new(o, "would_fit", w->fits ? json_null() : remedies_json(r));
	return json_out(cli, o);
}

static void why_fits(const struct question *q, const struct paclient_why *w)
{
	char text[SIZE_TEXT_BYTES];

	printf("fits at 0x%" PRIx64, w->addr);
	if (w->grow_npages)
		printf(", after the region has grown by %" PRIu64 " pages (%s)", w->grow_npages,
		       size_text(pages_bytes(w->grow_npages, q->region.page_size_bytes), text));
	putchar('\n');
}

static void why_not(const struct cli *cli, const struct question *q, const struct paclient_why *w)
{
	if (w->quota_short_npages)
		printf("does not fit: quota %s leaves too few pages\n", w->quota);
	else if (cli->at.given)
		printf("does not fit: not all of its pages from 0x%" PRIx64 " on are free\n",
		       cli->at.addr);
	else if (w->largest_npages >= q->npages)
		printf("does not fit: long runs are free, but not where the placement allows\n");
	else if (w->free_npages >= q->npages)
		printf("does not fit: enough pages are free, but not side by side\n");
	else
		printf("does not fit: too few pages are free\n");
}

static void why_text(const struct cli *cli, const struct question *q, const struct paclient_why *w,
		     const struct remedies *r)
{
	uint64_t page = q->region.page_size_bytes;

	if (w->fits) {
		why_fits(q, w);
	} else {
		why_not(cli, q, w);
		if (!cli->quiet)
			remedies_text(cli, q, w, r);
	}
	pages_line("asked", q->npages, page);
	pages_line("free", w->free_npages, page);
	if (q->region.held_npages)
		pages_line("held back", q->region.held_npages, page);
	pages_line("longest free run", w->largest_npages, page);
	if (q->where) {
		pages_line("alignment allows", w->aligned_npages, page);
		pages_line("bounds allow", w->bounded_npages, page);
		pages_line("placement allows", w->placed_npages, page);
	}
	if (w->quota[0])
		pages_line("quota leaves", w->quota_npages, page);
	if (w->quota_short_npages)
		pages_line("quota short by", w->quota_short_npages, page);
	if (!w->fits && (w->short_npages || !w->quota_short_npages))
		pages_line("short by", w->short_npages, page);
	pages_line("may grow by", w->growable_npages, page);
}

int cmd_why(struct cli *cli)
{
	CLEANUP(question_deinit) struct question q = {0};
	struct paclient_why w = {.size = sizeof(w)};
	struct paclient_call call;
	struct remedies remedies;
	int err = question_read(cli, &q);

	if (err)
		return err;
	call_init(cli, &call);
	if (q.src->ask->why(q.src, q.region.id, q.npages, q.where, &w, &call))
		return call_error(cli, &call.error);
	err = remedies_find(cli, &q, &w, &remedies);
	if (err)
		return err;
	if (cli->json) {
		err = why_json(cli, &q, &w, &remedies);
	} else {
		why_text(cli, &q, &w, &remedies);
		err = out_end(cli);
	}
	if (!err && !w.fits)
		err = paclient_status_exit_code(PACLIENT_NO_SPACE);
	return err;
}

int cmd_fit(struct cli *cli)
{
	CLEANUP(question_deinit) struct question q = {0};
	struct paclient_call call;
	uint64_t nextents;
	json_t *object;
	int err = question_read(cli, &q);

	if (err)
		return err;
	call_init(cli, &call);
	if (q.src->ask->fit(q.src, q.region.id, q.npages, q.where, &nextents, &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		object = question_json(&q);
		json_object_set_new(object, "nextents", json_count(nextents));
		return json_out(cli, object);
	}
	printf("%" PRIu64 "\n", nextents);
	return out_end(cli);
}
