/*
 * cmd_share - the verbs release and handover
 *
 * Role:       extents of the user's get another owner, or none; whole lists of them are cmd_report's. What it takes to be one more holder is in cmd_exec: a session that
 *             lasts.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>

static int release_extent(struct cli *cli, paclient *pa, const struct paclient_region *r,
			  uint64_t addr)
{
	struct paclient_range x = {.addr = addr};
	char text[RANGE_TEXT_BYTES];
	struct paclient_call call;
	uint32_t nholders;
	json_t *object;

	call_init(cli, &call);
	if (paclient_release(pa, r->id, addr, &x.npages, &nholders, &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		object = range_result(r, &x);
		json_object_set_new(object, "nholders", json_count(nholders));
		return json_out(cli, object);
	}
	printf("%s released; ", range_text(&x, text));
	if (nholders)
		printf("%" PRIu32 " still hold%s it\n", nholders, nholders == 1 ? "s" : "");
	else
		printf("its pages are free\n");
	return out_end(cli);
}

int cmd_release(struct cli *cli)
{
	return cli->report ? report_run(cli) : view_run(cli, release_extent);
}

static int handover_extent(struct cli *cli, paclient *pa, const struct paclient_region *r,
			   uint64_t addr)
{
	struct paclient_range x = {.addr = addr};
	char text[RANGE_TEXT_BYTES], user[USER_TEXT_BYTES];
	struct paclient_call call;
	json_t *object;
	uint32_t uid = cli->uid;

	call_init(cli, &call);
	if (cli->user ? paclient_handover_to_user(pa, r->id, addr, uid, &x.npages, &call)
		      : paclient_handover(pa, r->id, addr, cli->session, &x.npages, &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		object = range_result(r, &x);
		json_object_set_new(object, "session",
				    cli->user ? json_null() : json_count(cli->session));
		json_object_set_new(object, "user",
				    cli->user ? json_text(user_text(uid, user)) : json_null());
		return json_out(cli, object);
	}
	if (cli->user)
		printf("%s is user %s's now\n", range_text(&x, text), user_text(uid, user));
	else
		printf("%s is session %" PRIu64 "'s now\n", range_text(&x, text), cli->session);
	return out_end(cli);
}

int cmd_handover(struct cli *cli)
{
	int err = user_read(cli);

	if (err)
		return err;
	if (!cli->session == !cli->user)
		return usage_error(cli, "say whose it shall be: one of --session ID and --user "
					"NAME");
	return view_run(cli, handover_extent);
}
