/*
 * trace_report - what there is to say about a recording
 *
 * Role:       one for people, one for programs.
 * Uses:       trace.h
 */
#include "client/cli/trace.h"

#include <inttypes.h>
#include <stdio.h>

const char *trace_word(const struct trace *t)
{
	if (t->state->ended)
		return t->state->failed ? "failed" : "complete";
	return t->running ? "recording" : "died";
}

void trace_text(const struct trace *t)
{
	const struct trace_state *s = t->state;
	char size[SIZE_TEXT_BYTES];

	key_value("recording", "%s", s->name);
	key_value("region", "%s", s->region);
	key_value("file", "%s", s->output);
	key_value("state", "%s%s%s", trace_word(t), s->reason[0] ? ": " : "", s->reason);
	key_value("events", "%" PRIu64, s->events);
	key_value("lost", "%" PRIu64, s->lost);
	key_value("restarts", "%" PRIu64, s->restarts);
	key_value("bytes", "%" PRIu64 " (%s)", s->bytes, size_text(s->bytes, size));
	key_value("sessions", "%" PRIu64, s->nsessions);
	key_value("allocs", "%" PRIu64, s->nallocs);
	key_value("frees", "%" PRIu64, s->nfrees);
}

json_t *trace_json(const struct trace *t)
{
	const struct trace_state *s = t->state;

	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o}",
			 "name", s->name, "region", s->region, "file", s->output, "state",
			 trace_word(t), "reason", json_text(s->reason), "pid", (int)s->pid,
			 "started_usec", json_count(s->started_usec), "events",
			 json_count(s->events), "lost", json_count(s->lost), "restarts",
			 json_count(s->restarts), "bytes", json_count(s->bytes), "sessions",
			 json_count(s->nsessions), "allocs", json_count(s->nallocs), "frees",
			 json_count(s->nfrees), "peak_npages", json_count(s->peak_npages));
}
