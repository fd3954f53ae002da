/*
 * cmd_space - the verbs grow, shrink, drain and reserve
 *
 * Role:       which addresses a region has, and which of them may be handed out.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/cli/progress.h"

/* How long drain --wait sleeps between two questions: at first, and at most. */
#define WAIT_MS_MIN 10
#define WAIT_MS_MAX 200

static int space_out(const struct cli *cli, const struct paclient_region *r,
		     const struct paclient_range *x, const char *what)
{
	char text[SIZE_TEXT_BYTES];

	if (cli->json)
		return json_out(cli, range_result(r, x));
	printf("0x%" PRIx64 ": %" PRIu64 " pages %s (%s)\n", x->addr, x->npages, what,
	       size_text(pages_bytes(x->npages, r->page_size_bytes), text));
	return out_end(cli);
}

static int grow_run(struct cli *cli, const char *name, const struct amount *amount)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_range added;
	struct paclient_region r;
	struct paclient_call call;
	uint64_t npages = 0;
	int err;

	err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r);
	if (err)
		return err;
	amount_npages(amount, r.page_size_bytes, &npages);
	call_init(cli, &call);
	if (paclient_grow_at(pa, r.id, cli->at.addr, npages, &added, &call))
		return call_error(cli, &call.error);
	return space_out(cli, &r, &added, "added");
}

int cmd_grow(struct cli *cli)
{
	const char *name = cli_region_take(cli);
	struct amount amount;
	int err;

	if (!name || !cli->nargs)
		return usage_error(cli,
				   "name a region and a size: paclient grow REGION NPAGES|SIZE");
	if (cli->nargs > 1)
		return usage_error(cli, "takes one size, \"%s\" is one too many", cli->args[1]);
	/* On the wire 0 is "at the upper end". */
	if (cli->at.given && !cli->at.addr)
		return usage_error(cli, "--at: 0x0 cannot be asked for");
	err = cli_amount(cli, cli->args[0], &amount);
	return err ? err : grow_run(cli, name, &amount);
}

static int shrink_run(struct cli *cli, const char *name, const struct range_arg *range)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct paclient_range removed;
	struct paclient_region r;
	struct paclient_call call;
	uint64_t npages = 0;
	int err;

	err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r);
	if (err)
		return err;
	amount_npages(&range->amount, r.page_size_bytes, &npages);
	call_init(cli, &call);
	if (paclient_shrink(pa, r.id, range->addr, npages, &removed, &call))
		return call_error(cli, &call.error);
	return space_out(cli, &r, &removed, "taken out");
}

int cmd_shrink(struct cli *cli)
{
	const char *name = cli_region_take(cli);
	struct range_arg range = {0};
	int err;

	if (!name || !cli->nargs)
		return usage_error(cli, "name a region and a size or pages: "
					"paclient shrink REGION NPAGES|SIZE|ADDR:NPAGES");
	if (cli->nargs > 1)
		return usage_error(cli, "takes one size or range, \"%s\" is one too many",
				   cli->args[1]);
	if (!strpbrk(cli->args[0], ":+")) {
		err = cli_amount(cli, cli->args[0], &range.amount);
	} else {
		err = range_read(cli, cli->args[0], &range);
		/* On the wire 0 is "from the upper end down", which would be something else entirely. */
		if (!err && !range.addr)
			err = usage_error(cli,
					  "\"%s\": from 0x0 on cannot be asked for; a size "
					  "alone is taken from the upper end",
					  cli->args[0]);
	}
	return err ? err : shrink_run(cli, name, &range);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void sleep_ms(uint64_t ms)
{
	struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

/* Asks again until nothing is left or the time is up. */
static int drain_wait(const struct cli *cli, paclient *pa, uint32_t region_id,
		      const struct paclient_range *x, struct paclient_drain *d)
{
	int timeout_ms = cli->timeout_ms ? cli->timeout_ms : PACLIENT_DEFAULT_TIMEOUT_MS;
	uint64_t until = now_ms() + (uint64_t)timeout_ms, pause = WAIT_MS_MIN, now;
	uint64_t npages = d->npages;
	struct paclient_call call;
	struct progress bar;
	int err = 0;

	progress_begin(&bar, cli, "drain");
	while (!err && d->nextents && (now = now_ms()) < until) {
		sleep_ms(pause < until - now ? pause : until - now);
		pause = pause * 2 < WAIT_MS_MAX ? pause * 2 : WAIT_MS_MAX;
		call_init(cli, &call);
		d->size = sizeof(*d);
		err = paclient_drain(pa, region_id, x->addr, x->npages, d, &call);
		if (!err)
			progress_set(&bar, d->npages < npages ? npages - d->npages : 0, npages);
	}
	progress_end(&bar);
	return err ? call_error(cli, &call.error) : 0;
}

static void drain_text(const struct paclient_drain *d)
{
	char text[RANGE_TEXT_BYTES];

	if (!d->nextents)
		printf("nothing is left in the range\n");
	else
		printf("%" PRIu64 " extent%s left, with %" PRIu64 " page%s of the range\n",
		       d->nextents, d->nextents == 1 ? " is" : "s are", d->npages,
		       d->npages == 1 ? "" : "s");
	for (size_t i = 0; i < d->nlisted; i++)
		printf("%s\n", range_text(&d->extents[i], text));
	if (d->nlisted < d->nextents)
		printf("and %" PRIu64 " more\n", d->nextents - d->nlisted);
}

static int drain_out(const struct cli *cli, const struct paclient_region *r,
		     const struct paclient_range *x, const struct paclient_drain *d)
{
	json_t *object;

	if (!cli->json) {
		if (cli->undo)
			printf("the range may be used again\n");
		else
			drain_text(d);
		return out_end(cli);
	}
	object = range_result(r, x);
	json_object_set_new(object, "drained", json_boolean(!cli->undo));
	json_object_set_new(object, "nextents", json_count(d->nextents));
	json_object_set_new(object, "left_npages", json_count(d->npages));
	json_object_set_new(object, "extents", ranges_json(d->extents, d->nlisted));
	return json_out(cli, object);
}

static int drain_range(struct cli *cli, paclient *pa, const struct paclient_region *r,
		       const struct paclient_range *x)
{
	struct paclient_drain d = {.size = sizeof(d)};
	struct paclient_call call;
	int err;

	call_init(cli, &call);
	if (cli->undo ? paclient_undrain(pa, r->id, x->addr, x->npages, &call)
		      : paclient_drain(pa, r->id, x->addr, x->npages, &d, &call))
		return call_error(cli, &call.error);
	err = cli->wait ? drain_wait(cli, pa, r->id, x, &d) : 0;
	if (!err)
		err = drain_out(cli, r, x, &d);
	if (!err && cli->wait && d.nextents)
		err = paclient_status_exit_code(PACLIENT_TIMED_OUT);
	return err;
}

int cmd_drain(struct cli *cli)
{
	if (cli->undo && cli->wait)
		return usage_error(cli, "--undo leaves nothing to --wait for: give one of the two");
	return range_run(cli, drain_range);
}

static int reserve_range(struct cli *cli, paclient *pa, const struct paclient_region *r,
			 const struct paclient_range *x)
{
	char text[RANGE_TEXT_BYTES];
	struct paclient_call call;
	json_t *object;

	call_init(cli, &call);
	if (cli->undo ? paclient_unreserve(pa, r->id, x->addr, x->npages, &call)
		      : paclient_reserve(pa, r->id, x->addr, x->npages, &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		object = range_result(r, x);
		json_object_set_new(object, "reserved", json_boolean(!cli->undo));
		return json_out(cli, object);
	}
	printf("%s %s\n", range_text(x, text), cli->undo ? "no longer reserved" : "reserved");
	return out_end(cli);
}

int cmd_reserve(struct cli *cli)
{
	return range_run(cli, reserve_range);
}
