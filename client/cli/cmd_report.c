/*
 * cmd_report - release --from-report
 *
 * Role:       gives back what a list names, each as far as it is still what the list says.
 * Uses:       report.h
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/report.h"

#define REASON_BYTES 320

struct releasing {
	const struct cli *cli;
	paclient *pa;
	const struct paclient_session_list *sessions;
	struct paclient_region region; /* the last one that was asked for */
	uint64_t nfreed, nfreed_pages, nskipped;
	json_t *skipped; /* with --json */
	char reason[REASON_BYTES];
};

/* What a look or a free has come to. */
enum { FREED = 0, SKIPPED = -1 /* above: an exit code, already told */ };

PRINTF_LIKE(2, 3) static int skip(struct releasing *l, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(l->reason, sizeof(l->reason), fmt, args);
	va_end(args);
	return SKIPPED;
}

/* Is it about this extent alone? Others may go all the same. */
static bool is_entrys(int status)
{
	switch (status) {
	case PACLIENT_NO_REGION:
	case PACLIENT_OUT_OF_REGION:
	case PACLIENT_UNALIGNED:
	case PACLIENT_NOT_ALLOCATED:
	case PACLIENT_NOT_OWNER:
	case PACLIENT_FAULTED:
	case PACLIENT_DENIED:
	case PACLIENT_NOT_FOUND:
	case PACLIENT_SHARED:
	case PACLIENT_STALE:
	case PACLIENT_INVALID:
		return true;
	default:
		return false;
	}
}

static int call_failed(struct releasing *l, const struct paclient_call *call)
{
	return is_entrys(call->error.status) ? skip(l, "%s", call->error.message)
					     : call_error(l->cli, &call->error);
}

static int region_get(struct releasing *l, const struct report_entry *e)
{
	struct paclient_call call;

	if (strcmp(l->region.name, e->region)) {
		call_init(l->cli, &call);
		l->region = (struct paclient_region){.size = sizeof(l->region)};
		if (paclient_region_by_name(l->pa, e->region, &l->region, &call)) {
			l->region.name[0] = '\0';
			return call_failed(l, &call);
		}
	}
	if (l->region.generation == e->generation)
		return FREED;
	return skip(l,
		    "the region's generation is %" PRIu64 ", not %" PRIu64
		    ": what was held of its memory is gone",
		    l->region.generation, e->generation);
}

static bool is_connected(const struct releasing *l, uint64_t session_id)
{
	for (size_t i = 0; i < l->sessions->nsessions; i++) {
		if (l->sessions->sessions[i]->id == session_id)
			return l->sessions->sessions[i]->state == PACLIENT_SESSION_OPEN;
	}
	return false;
}

static int owner_compare(struct releasing *l, const struct paclient_extent *was,
			 const struct paclient_extent *is)
{
	char a[USER_TEXT_BYTES], b[USER_TEXT_BYTES];

	if (is->uid != was->uid)
		return skip(l, "it is user %s's, not %s's", user_text(is->uid, a),
			    user_text(was->uid, b));
	if (is->session_id != was->session_id && is->session_id && was->session_id)
		return skip(l, "it is session %" PRIu64 "'s, not session %" PRIu64 "'s",
			    is->session_id, was->session_id);
	if (is->session_id != was->session_id)
		return skip(l,
			    is->session_id ? "it is session %" PRIu64 "'s, not detached"
					   : "it is detached, not session %" PRIu64 "'s",
			    is->session_id ? is->session_id : was->session_id);
	if (is->nholders > 1)
		return skip(l, "%" PRIu32 " hold it", is->nholders);
	if (is->session_id && is_connected(l, is->session_id))
		return skip(l, "session %" PRIu64 " is connected", is->session_id);
	return FREED;
}

static int extent_compare(struct releasing *l, const struct paclient_extent *was)
{
	struct paclient_extent is = {.size = sizeof(is)};
	struct paclient_call call;

	call_init(l->cli, &call);
	if (paclient_extent_info(l->pa, l->region.id, was->addr, &is, &call))
		return call_failed(l, &call);
	if (is.npages != was->npages)
		return skip(l, "it has %" PRIu64 " pages, not %" PRIu64, is.npages, was->npages);
	if (strcmp(is.name, was->name))
		return skip(l, "its name is \"%s\", not \"%s\"", is.name, was->name);
	return owner_compare(l, was, &is);
}

/* The daemon compares once more, and frees in the same step. */
static int entry_free(struct releasing *l, const struct report_entry *e)
{
	struct paclient_call call;
	int err = region_get(l, e);

	if (!err)
		err = extent_compare(l, &e->extent);
	if (err)
		return err;
	call_init(l->cli, &call);
	if (paclient_free_extent(l->pa, l->region.id, &e->extent, &call))
		return call_failed(l, &call);
	l->nfreed++;
	l->nfreed_pages += e->extent.npages;
	return FREED;
}

static void entry_skipped(struct releasing *l, const struct report_entry *e)
{
	const struct paclient_extent *x = &e->extent;

	l->nskipped++;
	if (l->cli->json)
		json_array_append_new(l->skipped,
				      json_pack("{s:s, s:o, s:o, s:s}", "region", e->region, "addr",
						json_addr(x->addr), "npages", json_count(x->npages),
						"reason", l->reason));
	else
		printf("skipped: %s 0x%" PRIx64 ":%" PRIu64 ": %s\n", e->region, x->addr, x->npages,
		       l->reason);
}

static int result_out(struct releasing *l)
{
	if (l->cli->json)
		return json_out(l->cli,
				json_pack("{s:o, s:o, s:o, s:o}", "nfreed", json_count(l->nfreed),
					  "freed_npages", json_count(l->nfreed_pages), "nskipped",
					  json_count(l->nskipped), "skipped",
					  json_incref(l->skipped)));
	printf("%" PRIu64 " extent%s freed (%" PRIu64 " pages), %" PRIu64 " skipped\n", l->nfreed,
	       l->nfreed == 1 ? "" : "s", l->nfreed_pages, l->nskipped);
	return out_end(l->cli);
}

static int report_free_all(struct releasing *l, const struct report *report)
{
	struct paclient_session_list *sessions;
	struct paclient_call call;
	int err = 0, told;

	call_init(l->cli, &call);
	if (paclient_sessions(l->pa, 0, &sessions, &call))
		return call_error(l->cli, &call.error);
	l->sessions = sessions;
	l->skipped = json_array();
	for (size_t i = 0; err <= 0 && i < report->n; i++) {
		err = entry_free(l, &report->entries[i]);
		if (err == SKIPPED)
			entry_skipped(l, &report->entries[i]);
	}
	told = result_out(l);
	json_decref(l->skipped);
	paclient_sessions_free(sessions);
	if (err > 0 || told)
		return err > 0 ? err : told;
	return l->nskipped ? paclient_status_exit_code(PACLIENT_NOT_OWNER) : 0;
}

int report_run(struct cli *cli)
{
	CLEANUP(report_free) struct report report = {0};
	CLEANUP(paclient_closep) paclient *pa = NULL;
	struct releasing l = {.cli = cli};
	int err;

	if (cli->nargs || cli->region)
		return usage_error(cli,
				   "--from-report names extents and regions by itself: leave "
				   "out \"%s\"",
				   cli->region ? cli->region : cli->args[0]);
	err = report_read(cli, cli->report, &report);
	if (!err)
		err = cli_open(cli, &pa);
	l.pa = pa;
	return err ? err : report_free_all(&l, &report);
}
