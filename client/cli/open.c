/*
 * open - from options to a handle and a region
 *
 * Role:       which socket, which timeout, which region, how much.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <stdlib.h>

const char *cli_socket(const struct cli *cli)
{
	const char *path = cli->socket ? cli->socket : getenv("PACLIENT_SOCKET");

	return path && path[0] ? path : PACLIENT_DEFAULT_SOCKET;
}

void call_init(const struct cli *cli, struct paclient_call *call)
{
	*call = (struct paclient_call)PACLIENT_CALL_INIT;
	call->timeout_ms = cli->timeout_ms;
}

int cli_live_only(const struct cli *cli, const char *what)
{
	return cli->from
		       ? usage_error(cli, "%s needs a daemon: --from is for what only reads", what)
		       : 0;
}

int cli_open(const struct cli *cli, paclient **ret)
{
	struct paclient_options options = PACLIENT_OPTIONS_INIT;
	struct paclient_call call;

	call_init(cli, &call);
	options.timeout_ms = cli->timeout_ms;
	options.wait_for_daemon = cli->wait_for_daemon;
	if (paclient_open(cli_socket(cli), &options, ret, &call))
		return call_error(cli, &call.error);
	return 0;
}

const char *cli_region_take(struct cli *cli)
{
	if (cli->region)
		return cli->region;
	if (!cli->nargs)
		return NULL;
	cli->nargs--;
	return *cli->args++;
}

int cli_region(struct cli *cli, paclient *pa, const char *name, struct paclient_region *ret)
{
	struct paclient_call call;

	call_init(cli, &call);
	ret->size = sizeof(*ret);
	if (paclient_region_by_name(pa, name, ret, &call))
		return call_error(cli, &call.error);
	return 0;
}

void cli_alloc_options(const struct cli *cli, struct paclient_alloc_options *options,
		       struct paclient_call *call)
{
	*options = (struct paclient_alloc_options)PACLIENT_ALLOC_OPTIONS_INIT;
	options->name = cli->name;
	options->label = cli->label;
	options->wait_ms = cli->wait_ms;
	options->zero = cli->zero;
	options->commit = cli->commit;
	call_init(cli, call);
	/* The handle's timeout begins when the waiting ends; one of the call's own would cut it short. */
	call->timeout_ms = 0;
}

int cli_amount(const struct cli *cli, const char *text, struct amount *ret)
{
	const char *wrong = amount_parse(text, ret);
	uint64_t npages;

	if (!wrong)
		wrong = amount_npages(ret, 1, &npages);
	return wrong ? usage_error(cli, "\"%s\" %s", text, wrong) : 0;
}

uint64_t region_used(const struct paclient_region *r)
{
	return r->grown_npages - r->free_npages - r->held_npages;
}

void paclient_closep(paclient **pa)
{
	paclient_close(*pa);
}
