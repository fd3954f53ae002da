/*
 * view - extents as others see them
 *
 * Role:       an extent with its owner, name and label as a line or as JSON; and how the command line names one.
 * Uses:       cli.h
 */
#include "client/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>

static const char *state(const struct paclient_extent *x)
{
	if (x->quarantined)
		return "quarantine";
	return x->session_id ? "session" : "detached";
}

void view_heading(const struct cli *cli)
{
	heading(cli, "%-18s %10s %10s  %-10s %8s  %-12s %7s  %s\n", "ADDR", "PAGES", "SIZE",
		"STATE", "SESSION", "USER", "HOLDERS", "NAME  LABEL");
}

void view_line(const struct paclient_extent *x, uint64_t page_size_bytes)
{
	char size[SIZE_TEXT_BYTES], user[USER_TEXT_BYTES], session[24] = "-";

	if (x->session_id)
		snprintf(session, sizeof(session), "%" PRIu64, x->session_id);
	printf("0x%-16" PRIx64 " %10" PRIu64 " %10s  %-10s %8s  %-12s %7" PRIu32 "  %s%s%s\n",
	       x->addr, x->npages, size_text(pages_bytes(x->npages, page_size_bytes), size),
	       state(x), session, user_text(x->uid, user), x->nholders, x->name[0] ? x->name : "-",
	       x->label[0] ? "  " : "", x->label);
}

json_t *view_json(const struct paclient_extent *x, uint64_t page_size_bytes)
{
	json_t *o = extent_json(&(struct paclient_range){x->addr, x->npages}, page_size_bytes);

	json_object_set_new(o, "state", json_string(state(x)));
	json_object_set_new(o, "session", x->session_id ? json_count(x->session_id) : json_null());
	user_json(o, x->uid);
	json_object_set_new(o, "nholders", json_count(x->nholders));
	json_object_set_new(o, "name", json_text(x->name));
	json_object_set_new(o, "label", json_text(x->label));
	return o;
}

json_t *view_result(const struct paclient_region *r, const struct paclient_extent *x)
{
	json_t *o = view_json(x, r->page_size_bytes);

	json_object_set_new(o, "region", json_string(r->name));
	json_object_set_new(o, "page_size_bytes", json_count(r->page_size_bytes));
	return o;
}

/* Return: 0 or an exit code, already told. */
static int addr_get(const struct cli *cli, paclient *pa, const struct paclient_region *r,
		    const char *text, uint64_t *ret_addr)
{
	struct paclient_extent x = {.size = sizeof(x)};
	struct paclient_call call;

	if (!number_parse(text, ret_addr))
		return 0;
	call_init(cli, &call);
	if (paclient_lookup(pa, r->id, text, &x, &call))
		return call_error(cli, &call.error);
	*ret_addr = x.addr;
	return 0;
}

/* What begins with a digit is an address, or a mistake: it is told before anybody is asked. */
static int addr_check(const struct cli *cli, const char *text)
{
	const char *wrong = NULL;
	uint64_t addr;

	if (!text[0])
		wrong = "names no extent";
	else if (text[0] >= '0' && text[0] <= '9')
		wrong = number_parse(text, &addr);
	return wrong ? usage_error(cli, "\"%s\" %s", text, wrong) : 0;
}

int view_run(struct cli *cli, int (*run)(struct cli *cli, paclient *pa,
					 const struct paclient_region *r, uint64_t addr))
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	const char *name = cli_region_take(cli);
	struct paclient_region r;
	uint64_t addr = 0;
	int err;

	if (!name || !cli->nargs)
		return usage_error(cli, "name a region and an extent: paclient %s %s",
				   cli->verb->name, cli->verb->synopsis);
	if (cli->nargs > 1)
		return usage_error(cli, "takes one extent, \"%s\" is one too many", cli->args[1]);
	err = addr_check(cli, cli->args[0]);
	if (!err)
		err = cli_open(cli, &pa);
	if (!err)
		err = cli_region(cli, pa, name, &r);
	if (!err)
		err = addr_get(cli, pa, &r, cli->args[0], &addr);
	return err ? err : run(cli, pa, &r, addr);
}
