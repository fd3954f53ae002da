/*
 * cmd_check - the verb check
 *
 * Role:       asks the daemon whether it is sound, and lists the extents that nobody seems to look after; or has pallocd look at the store of one that
 *             does not run.
 * Uses:       report.h, source.h
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/progress.h"
#include "client/cli/report.h"
#include "client/cli/source.h"

/* What is broken; that something is left behind is none of that. */
#define EXIT_BROKEN 1

struct checking {
	const struct cli *cli;
	struct source *src;
	const struct paclient_findings *findings;
	const struct paclient_session_list *sessions; /* ascending by id */
	uint32_t *uids; /* of users who have a session beside this one, ascending */
	size_t nuids;
	const struct paclient_region *region; /* that is looked at */
	json_t *list;                         /* with --json */
	uint64_t n, npages;
};

static int uid_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int session_compare(const void *id, const void *session)
{
	const struct paclient_session *const *s = session;
	uint64_t x = *(const uint64_t *)id, y = (*s)->id;

	return (x > y) - (x < y);
}

static int users_find(struct checking *k)
{
	k->uids = calloc(k->sessions->nsessions + 1, sizeof(*k->uids));
	if (!k->uids)
		return system_error(k->cli, "no memory for the users of all sessions");
	for (size_t i = 0; i < k->sessions->nsessions; i++) {
		const struct paclient_session *s = k->sessions->sessions[i];

		if (s->id != k->src->session_id &&
		    (s->state == PACLIENT_SESSION_OPEN || s->state == PACLIENT_SESSION_GRACE))
			k->uids[k->nuids++] = s->uid;
	}
	qsort(k->uids, k->nuids, sizeof(*k->uids), uid_compare);
	return 0;
}

/* Return: why nobody seems to look after it; NULL: somebody does, or that cannot be known. */
static const char *why_unattended(const struct checking *k, const struct paclient_extent *x)
{
	struct paclient_session *const *s;

	if (x->nholders > 1)
		return NULL;
	if (x->quarantined)
		return "quarantine";
	if (!x->session_id) {
		bool known = k->findings->sees_sessions || x->uid == k->src->uid;

		return known && !bsearch(&x->uid, k->uids, k->nuids, sizeof(*k->uids), uid_compare)
			       ? "detached"
			       : NULL;
	}
	s = bsearch(&x->session_id, k->sessions->sessions, k->sessions->nsessions, sizeof(*s),
		    session_compare);
	return s && (*s)->state == PACLIENT_SESSION_GRACE ? "grace" : NULL;
}

static void unattended_line(const struct checking *k, const struct paclient_extent *x,
			    const char *why)
{
	char size[SIZE_TEXT_BYTES], user[USER_TEXT_BYTES], session[24] = "-";

	if (!k->n)
		heading(k->cli, "%-16s %-18s %10s %10s  %-10s %8s  %-12s %s\n", "REGION", "ADDR",
			"PAGES", "SIZE", "WHY", "SESSION", "USER", "NAME");
	if (x->session_id)
		snprintf(session, sizeof(session), "%" PRIu64, x->session_id);
	printf("%-16s 0x%-16" PRIx64 " %10" PRIu64 " %10s  %-10s %8s  %-12s %s\n", k->region->name,
	       x->addr, x->npages,
	       size_text(pages_bytes(x->npages, k->region->page_size_bytes), size), why, session,
	       user_text(x->uid, user), x->name[0] ? x->name : "-");
}

static int on_extent(const struct paclient_extent *x, void *ctx)
{
	struct checking *k = ctx;
	const char *why = why_unattended(k, x);

	if (!why)
		return 0;
	if (k->list)
		json_array_append_new(k->list, report_json(k->region, x, why));
	else
		unattended_line(k, x, why);
	k->n++;
	k->npages += x->npages;
	return 0;
}

static int region_unattended(struct checking *k, const struct paclient_region *r)
{
	struct paclient_call call;

	k->region = r;
	call_init(k->cli, &call);
	/* One that is closed has been told of. */
	if (!k->src->ask->list_each(k->src, r->id, NULL, on_extent, k, &call) ||
	    call.error.status == PACLIENT_FAULTED)
		return 0;
	return call_error(k->cli, &call.error);
}

/* @only: NULL: where the caller may administer. */
static int unattended_find(struct checking *k, const struct paclient_region *only)
{
	const struct paclient_region_list *list;
	struct paclient_call call;
	int err = 0;

	if (only)
		return region_unattended(k, only);
	call_init(k->cli, &call);
	if (k->src->ask->regions(k->src, &list, &call))
		return call_error(k->cli, &call.error);
	for (size_t i = 0; !err && i < list->nregions; i++) {
		if (list->regions[i]->rights & PACLIENT_RIGHT_ADMIN)
			err = region_unattended(k, list->regions[i]);
	}
	return err;
}

static void findings_lines(const struct checking *k)
{
	const struct paclient_findings *f = k->findings;

	if (f->nfindings_total)
		printf("BROKEN: %" PRIu64 " finding%s\n", f->nfindings_total,
		       f->nfindings_total == 1 ? "" : "s");
	else
		printf("sound: %" PRIu32 " region%s; what is written %s%s\n", f->nregions,
		       f->nregions == 1 ? "" : "s",
		       f->store_compared ? "agrees" : "was not compared: ",
		       f->store_compared ? "" : k->src->uncompared);
	for (size_t i = 0; i < f->nfindings; i++)
		printf("  %s\n", f->findings[i]);
	if (f->nfindings < f->nfindings_total)
		printf("  and %" PRIu64 " more\n", f->nfindings_total - f->nfindings);
}

static void unattended_sum(const struct checking *k)
{
	if (k->cli->quiet)
		return;
	if (k->n)
		printf("%" PRIu64 " unattended extent%s, %" PRIu64
		       " pages: `paclient check --json >FILE` makes a report of them, which\n"
		       "`paclient release --from-report FILE` frees\n",
		       k->n, k->n == 1 ? "" : "s", k->npages);
	else
		printf("no unattended extents\n");
	if (!k->findings->sees_sessions)
		printf("what other users hold was left out: only root and the daemon's own user "
		       "see their sessions\n");
}

static json_t *result_json(const struct checking *k, const char *region)
{
	const struct paclient_findings *f = k->findings;
	json_t *findings = json_array();

	for (size_t i = 0; i < f->nfindings; i++)
		json_array_append_new(findings, json_string(f->findings[i]));
	return json_pack("{s:o, s:b, s:b, s:b, s:o, s:o, s:o, s:o}", "region", json_text(region),
			 "sound", !f->nfindings_total, "store_compared", f->store_compared,
			 "sees_sessions", f->sees_sessions, "nregions", json_count(f->nregions),
			 "nfindings", json_count(f->nfindings_total), "findings", findings,
			 REPORT_KEY, json_incref(k->list));
}

/* The daemon has answered. */
static int findings_out(struct checking *k, const struct paclient_region *only)
{
	int err;

	if (k->cli->json)
		k->list = json_array();
	else
		findings_lines(k);
	err = users_find(k);
	if (!err)
		err = unattended_find(k, only);
	if (!err && k->list)
		err = json_out(k->cli, result_json(k, only ? only->name : ""));
	if (!err && !k->list) {
		unattended_sum(k);
		err = out_end(k->cli);
	}
	json_decref(k->list);
	free(k->uids);
	return err ? err : k->findings->nfindings_total ? EXIT_BROKEN : 0;
}

static int check_run(struct cli *cli, const char *name)
{
	CLEANUP(source_closep) struct source *src = NULL;
	struct checking k = {.cli = cli};
	const struct paclient_session_list *sessions;
	const struct paclient_findings *findings;
	struct paclient_region r = {0};
	struct paclient_call call;
	struct progress bar;
	int err = source_open(cli, &src);

	if (!err && name)
		err = source_region(cli, src, name, &r);
	if (err)
		return err;
	call_init(cli, &call);
	progress_begin(&bar, cli, "check");
	err = src->ask->check(src, r.id, &findings, &call);
	progress_end(&bar);
	if (err || src->ask->sessions(src, 0, &sessions, &call))
		return call_error(cli, &call.error);
	k.src = src;
	k.findings = findings;
	k.sessions = sessions;
	return findings_out(&k, name ? &r : NULL);
}

/* pallocd as it was installed with this command. Return: false: there is none. */
static bool beside(char *to, size_t size)
{
	static const char *const places[] = {"pallocd", "../sbin/pallocd"};
	ssize_t n = readlink("/proc/self/exe", to, size - 1);
	char *name;

	if (n < 0)
		return false;
	to[n] = '\0';
	name = strrchr(to, '/') + 1;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if ((size_t)(name - to) + strlen(places[i]) >= size)
			return false;
		memcpy(name, places[i], strlen(places[i]) + 1);
		if (!access(to, X_OK))
			return true;
	}
	return false;
}

static int offline_run(const struct cli *cli)
{
	const char *socket = cli->socket ? cli->socket : getenv("PACLIENT_SOCKET");
	char path[PATH_MAX];
	char **args;
	size_t n = 0, at = 0;

	if (cli->nargs || cli->region || cli->json)
		return usage_error(cli, "--offline takes nothing but pallocd's options, behind --: "
					"paclient check --offline -- --region NAME,limit=SIZE");
	while (cli->command && cli->command[n])
		n++;
	args = calloc(n + 5, sizeof(*args));
	if (!args)
		return system_error(cli, "no memory for the options");
	args[at++] = (char *)"pallocd";
	args[at++] = (char *)"--check-store";
	if (socket && *socket) {
		args[at++] = (char *)"--socket";
		args[at++] = (char *)socket;
	}
	if (n)
		memcpy(&args[at], cli->command, n * sizeof(*args));
	fflush(stdout);
	if (beside(path, sizeof(path)))
		execv(path, args);
	else
		execvp("pallocd", args);
	n = (size_t)errno;
	free(args);
	return system_error(cli, "pallocd is neither beside this command nor in PATH: %s",
			    strerror((int)n));
}

int cmd_check(struct cli *cli)
{
	const char *name;
	int err;

	if (cli->offline) {
		err = cli_live_only(cli, "--offline");
		return err ? err : offline_run(cli);
	}
	if (cli->command)
		return usage_error(cli, "options behind -- go with --offline");
	name = cli_region_take(cli);
	if (cli->nargs)
		return usage_error(cli, "takes one region at most, \"%s\" is one too many",
				   cli->args[0]);
	return check_run(cli, name);
}
