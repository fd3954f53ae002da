/*
 * cmd_sessions - the verbs sessions and quotas
 *
 * Role:       who is there, what it holds, its end; and how much the caller may use.
 * Uses:       source.h
 */
#include "client/cli/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A source, and the region that the verb may name; *ret_region has the id 0 where it names none. Return: 0 or an exit code, already told. */
static int region_maybe(struct cli *cli, const char *name, struct source **ret_src,
			struct paclient_region *ret_region)
{
	int err;

	*ret_region = (struct paclient_region){0};
	err = source_open(cli, ret_src);
	return err || !name ? err : source_region(cli, *ret_src, name, ret_region);
}

static json_t *session_json(const struct paclient_session *s, uint64_t own)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_count(s->id));
	json_object_set_new(o, "own", json_boolean(s->id == own));
	user_json(o, s->uid);
	json_object_set_new(o, "pid", json_count(s->pid));
	json_object_set_new(o, "command", json_text(s->command));
	json_object_set_new(o, "client", json_text(s->client_name));
	json_object_set_new(o, "state", json_string(paclient_session_state_name(s->state)));
	json_object_set_new(o, "age_usec", json_count(s->age_usec));
	json_object_set_new(o, "grace_ms", json_count(s->grace_ms));
	json_object_set_new(o, "remaining_ms", json_count(s->remaining_ms));
	json_object_set_new(o, "nextents", json_count(s->nextents));
	json_object_set_new(o, "nshares", json_count(s->nshares));
	json_object_set_new(o, "npages", json_count(s->npages));
	json_object_set_new(o, "bytes", json_count(s->held_bytes));
	json_object_set_new(o, "queued_bytes", json_count(s->queued_bytes));
	return o;
}

static void sessions_table(const struct cli *cli, const struct paclient_session_list *list)
{
	heading(cli, "%8s  %-12s %8s  %-11s %7s %7s %8s %7s %10s %10s %10s  %s\n", "ID", "USER",
		"PID", "STATE", "AGE", "LEFT", "EXTENTS", "SHARES", "PAGES", "SIZE", "QUEUED",
		"COMMAND  CLIENT");
	for (size_t i = 0; i < list->nsessions; i++) {
		const struct paclient_session *s = list->sessions[i];
		char user[USER_TEXT_BYTES], age[TIME_TEXT_BYTES], left[TIME_TEXT_BYTES] = "-";
		char size[SIZE_TEXT_BYTES], queued[SIZE_TEXT_BYTES];

		if (s->remaining_ms)
			time_text(s->remaining_ms * 1000, left);
		printf("%8" PRIu64 "  %-12s %8" PRIu32 "  %-11s %7s %7s %8" PRIu64 " %7" PRIu64
		       " %10" PRIu64 " %10s %10s  %s  %s\n",
		       s->id, user_text(s->uid, user), s->pid,
		       paclient_session_state_name(s->state), time_text(s->age_usec, age), left,
		       s->nextents, s->nshares, s->npages, size_text(s->held_bytes, size),
		       size_text(s->queued_bytes, queued), s->command[0] ? s->command : "-",
		       s->client_name);
	}
}

static int sessions_run(struct cli *cli, const char *name)
{
	CLEANUP(source_closep) struct source *src = NULL;
	const struct paclient_session_list *list;
	struct paclient_region r;
	struct paclient_call call;
	json_t *array;
	int err = region_maybe(cli, name, &src, &r);

	if (err)
		return err;
	call_init(cli, &call);
	if (src->ask->sessions(src, r.id, &list, &call))
		return call_error(cli, &call.error);
	if (cli->json) {
		array = json_array();
		for (size_t i = 0; i < list->nsessions; i++)
			json_array_append_new(array,
					      session_json(list->sessions[i], src->session_id));
		return json_out(cli, json_pack("{s:o, s:o}", "region", json_text(r.name),
					       "sessions", array));
	}
	sessions_table(cli, list);
	return out_end(cli);
}

static int kill_run(struct cli *cli, const char *text)
{
	CLEANUP(paclient_closep) paclient *pa = NULL;
	uint64_t id = 0, nextents;
	const char *wrong = number_parse(text, &id);
	struct paclient_call call;
	int err;

	if (!wrong && !id)
		wrong = "is no session: their numbers begin at 1";
	if (wrong)
		return usage_error(cli, "kill: \"%s\" %s", text, wrong);
	err = cli_live_only(cli, "kill");
	if (!err)
		err = cli_open(cli, &pa);
	if (err)
		return err;
	call_init(cli, &call);
	if (paclient_session_kill(pa, id, &nextents, &call))
		return call_error(cli, &call.error);
	if (cli->json)
		return json_out(cli, json_pack("{s:o, s:o}", "session", json_count(id), "nextents",
					       json_count(nextents)));
	printf("session %" PRIu64 " ended; it held %" PRIu64 " extent%s\n", id, nextents,
	       nextents == 1 ? "" : "s");
	return out_end(cli);
}

int cmd_sessions(struct cli *cli)
{
	const char *name = NULL;

	/* A region of that name can be given as --region. */
	if (cli->nargs && !strcmp(cli->args[0], "kill")) {
		if (cli->nargs < 2)
			return usage_error(cli,
					   "which session? paclient sessions kill ID; `paclient "
					   "sessions` lists them");
		if (cli->nargs > 2)
			return usage_error(cli, "kill takes one session, \"%s\" is one too many",
					   cli->args[2]);
		return kill_run(cli, cli->args[1]);
	}
	name = cli_region_take(cli);
	if (cli->nargs)
		return usage_error(cli, "takes one region at most, \"%s\" is one too many",
				   cli->args[0]);
	return sessions_run(cli, name);
}

/* Bytes of a session's queue, or a count: the name says of what. */
static const char *quota_text(const struct paclient_quota *q, uint64_t v, char *to)
{
	size_t n = strlen(q->name);

	if (n > 6 && !strcmp(q->name + n - 6, "_bytes"))
		return size_text(v, to);
	snprintf(to, SIZE_TEXT_BYTES, "%" PRIu64, v);
	return to;
}

static void quotas_table(const struct cli *cli, const struct paclient_quota_list *list)
{
	heading(cli, "%-18s %12s %12s %6s\n", "QUOTA", "USED", "LIMIT", "USED%");
	for (size_t i = 0; i < list->nquotas; i++) {
		const struct paclient_quota *q = list->quotas[i];
		char used[SIZE_TEXT_BYTES], limit[SIZE_TEXT_BYTES], share[32] = "-";

		if (q->limit)
			snprintf(share, sizeof(share), "%.1f", percent(q->used, q->limit));
		printf("%-18s %12s %12s %6s\n", q->name, quota_text(q, q->used, used),
		       q->limit ? quota_text(q, q->limit, limit) : "none", share);
	}
}

/* What has no limit has no share of it either. */
static json_t *quotas_json(const struct paclient_quota_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->nquotas; i++) {
		const struct paclient_quota *q = list->quotas[i];

		json_array_append_new(
			array,
			json_pack("{s:s, s:o, s:o, s:o}", "name", q->name, "used",
				  json_count(q->used), "limit",
				  q->limit ? json_count(q->limit) : json_null(), "used_percent",
				  q->limit ? json_real(percent(q->used, q->limit)) : json_null()));
	}
	return array;
}

int cmd_quotas(struct cli *cli)
{
	CLEANUP(source_closep) struct source *src = NULL;
	const char *name = cli_region_take(cli);
	const struct paclient_quota_list *list;
	struct paclient_region r;
	struct paclient_call call;
	int err;

	if (cli->nargs)
		return usage_error(cli, "takes one region at most, \"%s\" is one too many",
				   cli->args[0]);
	err = region_maybe(cli, name, &src, &r);
	if (err)
		return err;
	call_init(cli, &call);
	if (src->ask->quotas(src, r.id, &list, &call))
		return call_error(cli, &call.error);
	if (cli->json)
		return json_out(cli, json_pack("{s:o, s:o}", "region", json_text(r.name), "quotas",
					       quotas_json(list)));
	quotas_table(cli, list);
	return out_end(cli);
}
