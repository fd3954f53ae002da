/*
 * top_json - one sample as an object on a line
 *
 * Role:       for programs that read them one by one; rates are null where there is nothing to compare with.
 * Uses:       top.h
 */
#include "client/cli/top.h"

#include <stdio.h>

static json_t *rate_json(double rate)
{
	return rate < 0 ? json_null() : json_real(rate);
}

static json_t *region_json(const struct top_region *r)
{
	const struct paclient_region_stat *s = &r->stat;
	uint64_t used = s->grown_npages - s->free_npages - s->held_npages;
	json_t *o = json_object();

	json_object_set_new(o, "region", json_string(s->name));
	json_object_set_new(o, "faulted", json_boolean(r->faulted));
	json_object_set_new(o, "page_size_bytes", json_count(s->page_size_bytes));
	json_object_set_new(o, "limit_npages", json_count(s->limit_npages));
	json_object_set_new(o, "grown_npages", json_count(s->grown_npages));
	json_object_set_new(o, "used_npages", json_count(used));
	json_object_set_new(o, "free_npages", json_count(s->free_npages));
	json_object_set_new(o, "held_npages", json_count(s->held_npages));
	json_object_set_new(o, "scavenged_npages", json_count(s->scavenged_npages));
	json_object_set_new(o, "largest_npages", json_count(s->largest_npages));
	json_object_set_new(o, "fragmentation_ppm", json_count(s->fragmentation_ppm));
	json_object_set_new(o, "resident_bytes", json_count(s->resident_bytes));
	json_object_set_new(o, "scavenger", json_string(paclient_scavenger_name(s->scavenger)));
	json_object_set_new(o, "nextents", json_count(s->nextents));
	json_object_set_new(o, "nwaiting", json_count(s->nwaiting));
	json_object_set_new(o, "allocs_per_second", rate_json(r->allocs));
	json_object_set_new(o, "frees_per_second", rate_json(r->frees));
	json_object_set_new(o, "refusals_per_second", rate_json(r->refusals));
	return o;
}

static json_t *session_json(const struct top_holder *h)
{
	json_t *o = json_object();

	json_object_set_new(o, "id", json_count(h->id));
	user_json(o, h->uid);
	json_object_set_new(o, "pid", json_count(h->pid));
	json_object_set_new(o, "command", json_text(h->command));
	json_object_set_new(o, "state", json_string(paclient_session_state_name(h->state)));
	json_object_set_new(o, "age_usec", json_count(h->age_usec));
	json_object_set_new(o, "nextents", json_count(h->nextents));
	json_object_set_new(o, "bytes", json_count(h->bytes));
	return o;
}

static json_t *holder_user_json(const struct top_holder *h)
{
	json_t *o = json_object();

	user_json(o, h->uid);
	json_object_set_new(o, "nsessions", json_count(h->nsessions));
	json_object_set_new(o, "nextents", json_count(h->nextents));
	json_object_set_new(o, "bytes", json_count(h->bytes));
	return o;
}

static json_t *lists_json(json_t *o, const struct top_sample *s)
{
	json_t *regions = json_array(), *sessions = json_array(), *users = json_array();

	for (size_t i = 0; i < s->nregions; i++)
		json_array_append_new(regions, region_json(&s->regions[i]));
	for (size_t i = 0; i < s->nsessions; i++)
		json_array_append_new(sessions, session_json(&s->sessions[i]));
	for (size_t i = 0; i < s->nusers; i++)
		json_array_append_new(users, holder_user_json(&s->users[i]));
	json_object_set_new(o, "regions", regions);
	json_object_set_new(o, "sessions", sessions);
	json_object_set_new(o, "users", users);
	return o;
}

static json_t *sample_json(const struct top_sample *s)
{
	const struct paclient_daemon_stat *d = &s->daemon;
	json_t *o = json_object();

	json_object_set_new(o, "time_usec", json_count(s->wall_usec));
	json_object_set_new(o, "connected", json_boolean(s->connected));
	json_object_set_new(o, "failure", json_text(s->failure));
	json_object_set_new(o, "server", json_text(s->server));
	json_object_set_new(o, "pid", json_count(d->pid));
	json_object_set_new(o, "restarts", json_count(s->nrestarts));
	json_object_set_new(o, "uptime_usec", json_count(d->uptime_usec));
	json_object_set_new(o, "interval_usec",
			    s->interval_usec ? json_count(s->interval_usec) : json_null());
	json_object_set_new(o, "requests_per_second", rate_json(s->requests));
	json_object_set_new(o, "refusals_per_second", rate_json(s->refusals));
	json_object_set_new(o, "processor_percent", rate_json(s->cpu_percent));
	json_object_set_new(o, "nconnections", json_count(d->nconnections));
	json_object_set_new(o, "nsessions", json_count(d->nsessions));
	json_object_set_new(o, "nwaiting", json_count(d->nwaiting));
	json_object_set_new(o, "queued_bytes", json_count(d->queued_bytes));
	json_object_set_new(o, "store_failure", json_text(d->store_failure));
	return lists_json(o, s);
}

int top_json(const struct cli *cli, const struct top_sample *s)
{
	json_t *o = sample_json(s);
	int err = json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));

	json_decref(o);
	putchar('\n');
	return err && !ferror(stdout) ? system_error(cli, "no memory for the output") : 0;
}
