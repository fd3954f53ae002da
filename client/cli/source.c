/*
 * source - where verbs that only read get what they show
 *
 * Role:       see source.h: which one it is.
 * Uses:       source.h
 */
#include "client/cli/source.h"

int source_open(const struct cli *cli, struct source **ret)
{
	return cli->from ? source_dump_open(cli, cli->from, ret) : source_live_open(cli, ret);
}

void source_closep(struct source **s)
{
	if (*s)
		(*s)->ask->close(*s);
}

int source_region(const struct cli *cli, struct source *s, const char *name,
		  struct paclient_region *ret)
{
	struct paclient_call call;

	call_init(cli, &call);
	ret->size = sizeof(*ret);
	if (s->ask->region_by_name(s, name, ret, &call))
		return call_error(cli, &call.error);
	return 0;
}
