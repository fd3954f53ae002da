/*
 * metrics - what the daemon counts, as OpenMetrics text
 *
 * Role:       see metrics.h: tables of metrics, and their text.
 * Uses:       cli.h
 * Invariants: E1  all samples of a metric stand together, behind its description.
 *             E2  names end in their unit, counters behind that in _total.
 *
 * Only gauges and counters: a collector of files refuses a file with other types.
 */
#include "client/cli/metrics.h"

#include <inttypes.h>
#include <string.h>

enum scale {
	PLAIN,
	MILLIONTHS, /* microseconds are seconds, ppm a ratio */
};

struct metric {
	const char *name; /* without "pallocd_" and "_total" */
	const char *unit; /* NULL: it counts */
	const char *help; /* a sentence without full stop, quotes and backslashes */
	bool counter;
	enum scale scale;
	size_t offset; /* of a uint64_t */
};

#define GAUGE false
#define COUNTER true
#define DAEMON(field) offsetof(struct paclient_daemon_stat, field)
#define REGION(field) offsetof(struct paclient_region_stat, field)
#define USER(field) offsetof(struct paclient_user_stat, field)

static const struct metric daemon_metrics[] = {
	{"uptime_seconds", "seconds", "How long the daemon runs", GAUGE, MILLIONTHS,
	 DAEMON(uptime_usec)},
	{"cpu_seconds", "seconds", "Processor time of the daemon", COUNTER, MILLIONTHS,
	 DAEMON(cpu_usec_total)},
	{"regions", NULL, "Regions that are served", GAUGE, PLAIN, DAEMON(nregions)},
	{"regions_left_out", NULL, "Regions of the configuration that this host cannot have", GAUGE,
	 PLAIN, DAEMON(nleft_out)},
	{"connections", NULL, "Connections that are open", GAUGE, PLAIN, DAEMON(nconnections)},
	{"connections_max", NULL, "Connections that can be open at once", GAUGE, PLAIN,
	 DAEMON(connections_max)},
	{"connections_opened", NULL, "Connections that were let in", COUNTER, PLAIN,
	 DAEMON(connections_total)},
	{"connections_refused", NULL, "Connections that were not let in", COUNTER, PLAIN,
	 DAEMON(refused_total)},
	{"connections_cut_off", NULL,
	 "Connections closed because their client was too slow or let too much wait", COUNTER,
	 PLAIN, DAEMON(cut_off_total)},
	{"bad_frames", NULL, "Connections closed because of a frame that held no request", COUNTER,
	 PLAIN, DAEMON(bad_frames_total)},
	{"sessions", NULL, "Sessions with a connection", GAUGE, PLAIN, DAEMON(nsessions)},
	{"sessions_in_grace", NULL, "Sessions without a connection that can be resumed", GAUGE,
	 PLAIN, DAEMON(ngrace)},
	{"sessions_ending", NULL, "Sessions that have ended and hold something still", GAUGE, PLAIN,
	 DAEMON(nending)},
	{"session_deaths", NULL, "Sessions whose process died with the connection open", COUNTER,
	 PLAIN, DAEMON(deaths_total)},
	{"requests", NULL, "Requests served", COUNTER, PLAIN, DAEMON(requests_total)},
	{"request_refusals", NULL, "Requests answered with another status than OK", COUNTER, PLAIN,
	 DAEMON(refusals_total)},
	{"request_repeats", NULL, "Requests asked for again that had been done already", COUNTER,
	 PLAIN, DAEMON(repeated_total)},
	{"quota_refusals", NULL, "Requests refused because of a quota", COUNTER, PLAIN,
	 DAEMON(quota_refusals_total)},
	{"batches", NULL, "Reads that brought at least one request", COUNTER, PLAIN,
	 DAEMON(batches_total)},
	{"received_bytes", "bytes", "Bytes read from connections", COUNTER, PLAIN,
	 DAEMON(received_bytes_total)},
	{"sent_bytes", "bytes", "Bytes written to connections", COUNTER, PLAIN,
	 DAEMON(sent_bytes_total)},
	{"queued_bytes", "bytes", "Requests not served and replies not written", GAUGE, PLAIN,
	 DAEMON(queued_bytes)},
	{"waiting", NULL, "Allocs that wait for space", GAUGE, PLAIN, DAEMON(nwaiting)},
	{"watchers", NULL, "Connections that watch events", GAUGE, PLAIN, DAEMON(nwatchers)},
	{"events_lost", NULL, "Events that slow watchers did not get", COUNTER, PLAIN,
	 DAEMON(events_lost_total)},
	{"log_lines_kept_back", NULL, "Lines of the log that were too many of their cause", COUNTER,
	 PLAIN, DAEMON(kept_back_total)},
	{"store_process_commits", NULL, "Writes to the store of durability process", COUNTER, PLAIN,
	 DAEMON(process_commits_total)},
	{"store_process_failures", NULL, "Of these, writes that failed", COUNTER, PLAIN,
	 DAEMON(process_failures_total)},
	{"store_process_bytes", "bytes", "Size of the store of durability process", GAUGE, PLAIN,
	 DAEMON(process_bytes)},
	{"store_machine_commits", NULL, "Writes to the store of durability machine", COUNTER, PLAIN,
	 DAEMON(machine_commits_total)},
	{"store_machine_failures", NULL, "Of these, writes that failed", COUNTER, PLAIN,
	 DAEMON(machine_failures_total)},
	{"store_machine_bytes", "bytes", "Size of the store of durability machine", GAUGE, PLAIN,
	 DAEMON(machine_bytes)},
};

static const struct metric region_metrics[] = {
	{"region_page_size_bytes", "bytes", "Size of a page", GAUGE, PLAIN,
	 REGION(page_size_bytes)},
	{"region_limit_pages", "pages", "Pages that the region may have", GAUGE, PLAIN,
	 REGION(limit_npages)},
	{"region_grown_pages", "pages", "Pages that it has now", GAUGE, PLAIN,
	 REGION(grown_npages)},
	{"region_free_pages", "pages", "Pages that may be had", GAUGE, PLAIN, REGION(free_npages)},
	{"region_held_back_pages", "pages",
	 "Pages that nobody holds and nobody may get: reserved or drained", GAUGE, PLAIN,
	 REGION(held_npages)},
	{"region_session_pages", "pages", "Pages held by sessions", GAUGE, PLAIN,
	 REGION(session_npages)},
	{"region_detached_pages", "pages", "Pages held by users", GAUGE, PLAIN,
	 REGION(detached_npages)},
	{"region_quarantined_pages", "pages", "Pages of ended sessions that are in quarantine",
	 GAUGE, PLAIN, REGION(quarantined_npages)},
	{"region_busy_pages", "pages", "Pages whose memory is being put in place or given back",
	 GAUGE, PLAIN, REGION(busy_npages)},
	{"region_peak_pages", "pages", "Most pages held at once", GAUGE, PLAIN,
	 REGION(peak_npages)},
	{"region_longest_free_run_pages", "pages", "Longest run of free pages", GAUGE, PLAIN,
	 REGION(largest_npages)},
	{"region_fragmentation_ratio", "ratio",
	 "Share of the free pages that lie outside of the longest run", GAUGE, MILLIONTHS,
	 REGION(fragmentation_ppm)},
	{"region_scavenged_pages", "pages", "Free pages without memory behind them", GAUGE, PLAIN,
	 REGION(scavenged_npages)},
	{"region_retained_pages", "pages", "Free pages whose memory is kept", GAUGE, PLAIN,
	 REGION(retained_npages)},
	{"region_resident_bytes", "bytes", "Memory or blocks of the file behind the region", GAUGE,
	 PLAIN, REGION(resident_bytes)},
	{"region_metadata_bytes", "bytes", "Memory of the allocator itself", GAUGE, PLAIN,
	 REGION(metadata_bytes)},
	{"region_extents", NULL, "Extents", GAUGE, PLAIN, REGION(nextents)},
	{"region_named_extents", NULL, "Extents with a name", GAUGE, PLAIN, REGION(nnamed)},
	{"region_shares", NULL, "Holders of extents besides the first one", GAUGE, PLAIN,
	 REGION(nshares)},
	{"region_waiting", NULL, "Allocs that wait for space here", GAUGE, PLAIN, REGION(nwaiting)},
	{"region_generation", NULL,
	 "Rises when the daemon starts without the memory of before, and all that was held is gone",
	 GAUGE, PLAIN, REGION(generation)},
	{"region_allocs", NULL, "Extents handed out", COUNTER, PLAIN, REGION(allocs_total)},
	{"region_frees", NULL, "Ranges given back by request", COUNTER, PLAIN, REGION(frees_total)},
	{"region_reclaims", NULL, "Extents given back because their session ended", COUNTER, PLAIN,
	 REGION(reclaims_total)},
	{"region_grows", NULL, "Times that the region has grown", COUNTER, PLAIN,
	 REGION(grows_total)},
	{"region_shrinks", NULL, "Times that it has shrunk", COUNTER, PLAIN, REGION(shrinks_total)},
	{"region_no_space_refusals", NULL, "Allocs refused for want of space", COUNTER, PLAIN,
	 REGION(no_space_total)},
	{"region_no_memory_refusals", NULL,
	 "Requests refused because there was no memory to put behind their pages", COUNTER, PLAIN,
	 REGION(no_memory_total)},
	{"region_quota_refusals", NULL, "Requests refused because of a quota", COUNTER, PLAIN,
	 REGION(quota_refusals_total)},
	{"region_released_pages", "pages", "Pages whose memory was given back to the system",
	 COUNTER, PLAIN, REGION(released_npages_total)},
	{"region_cleared_pages", "pages", "Pages that had to be cleared", COUNTER, PLAIN,
	 REGION(cleared_npages_total)},
};

static const struct metric user_metrics[] = {
	{"user_sessions", NULL, "Sessions of the user", GAUGE, PLAIN, USER(nsessions)},
	{"user_connections", NULL, "Connections of the user", GAUGE, PLAIN, USER(nconnections)},
	{"user_waiting", NULL, "Allocs of the user that wait for space", GAUGE, PLAIN,
	 USER(nwaiting)},
	{"user_queued_bytes", "bytes", "Requests not served and replies not written, of the user",
	 GAUGE, PLAIN, USER(queued_bytes)},
};

static const struct metric region_user_metrics[] = {
	{"region_user_pages", "pages", "Pages of the region that the user and its sessions hold",
	 GAUGE, PLAIN, USER(npages)},
	{"region_user_extents", NULL, "Extents of the region that the user and its sessions hold",
	 GAUGE, PLAIN, USER(nextents)},
};

/* Bytes of the character of UTF-8 at @s; 0: there is none. */
static size_t utf8_length(const unsigned char *s)
{
	static const unsigned lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *s < 0x80   ? 1
		   : *s < 0xc0 ? 0
		   : *s < 0xe0 ? 2
		   : *s < 0xf0 ? 3
		   : *s < 0xf8 ? 4
			       : 0;
	unsigned c = n > 1 ? *s & (0x7fu >> n) : *s;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (n && (c < lowest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)))
		return 0;
	return n;
}

/* The rest must be UTF-8: what is none becomes '?'. */
static void label_value(FILE *to, const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s;) {
		size_t n = utf8_length(s);

		if (*s == '\n')
			fputs("\\n", to);
		else if (*s == '"' || *s == '\\')
			fprintf(to, "\\%c", *s);
		else if (n)
			fwrite(s, 1, n, to);
		else
			fputc('?', to);
		s += n ? n : 1;
	}
}

struct writer {
	FILE *to;
	enum metrics_format format;
	const struct metric *metric; /* the one that is being written */
	unsigned nlabels;            /* of the sample that is being written */
};

static void describe(struct writer *w, const struct metric *m)
{
	const char *total = m->counter && w->format == METRICS_PROMETHEUS ? "_total" : "";

	w->metric = m;
	fprintf(w->to, "# TYPE pallocd_%s%s %s\n", m->name, total,
		m->counter ? "counter" : "gauge");
	if (m->unit)
		fprintf(w->to, "# UNIT pallocd_%s%s %s\n", m->name, total, m->unit);
	fprintf(w->to, "# HELP pallocd_%s%s %s.\n", m->name, total, m->help);
}

static void sample_begin(struct writer *w)
{
	fprintf(w->to, "pallocd_%s%s", w->metric->name, w->metric->counter ? "_total" : "");
	w->nlabels = 0;
}

static void label(struct writer *w, const char *name, const char *value)
{
	fprintf(w->to, "%c%s=\"", w->nlabels++ ? ',' : '{', name);
	label_value(w->to, value);
	fputc('"', w->to);
}

static void label_user(struct writer *w, uint32_t uid)
{
	char text[USER_TEXT_BYTES];

	snprintf(text, sizeof(text), "%" PRIu32, uid);
	label(w, "uid", text);
	label(w, "user", user_text(uid, text));
}

static void sample_end(struct writer *w, uint64_t v)
{
	if (w->nlabels)
		fputc('}', w->to);
	if (w->metric->scale == MILLIONTHS)
		fprintf(w->to, " %" PRIu64 ".%06" PRIu64 "\n", v / 1000000, v % 1000000);
	else
		fprintf(w->to, " %" PRIu64 "\n", v);
}

static uint64_t value(const struct metric *m, const void *stat)
{
	return *(const uint64_t *)(const void *)((const char *)stat + m->offset);
}

static void write_daemon(struct writer *w, const struct metrics *m)
{
	static const struct metric build = {
		.name = "build_info",
		.help = "The daemon that answers, always 1",
	};
	static const struct metric failing = {
		.name = "store_failing",
		.help = "Changes cannot be written down now and are refused",
	};

	describe(w, &build);
	sample_begin(w);
	label(w, "server", m->server);
	sample_end(w, 1);
	describe(w, &failing);
	sample_begin(w);
	sample_end(w, m->daemon.store_failure[0] != '\0');
	for (size_t i = 0; i < ARRAY_SIZE(daemon_metrics); i++) {
		describe(w, &daemon_metrics[i]);
		sample_begin(w);
		sample_end(w, value(&daemon_metrics[i], &m->daemon));
	}
}

static void write_users(struct writer *w, const struct metrics *m)
{
	for (size_t i = 0; m->users && i < ARRAY_SIZE(user_metrics); i++) {
		describe(w, &user_metrics[i]);
		for (size_t u = 0; u < m->users->nusers; u++) {
			sample_begin(w);
			label_user(w, m->users->users[u]->uid);
			sample_end(w, value(&user_metrics[i], m->users->users[u]));
		}
	}
}

static void write_region_users(struct writer *w, const struct metrics *m)
{
	for (size_t i = 0; m->users && i < ARRAY_SIZE(region_user_metrics); i++) {
		describe(w, &region_user_metrics[i]);
		for (size_t r = 0; r < m->nregions; r++) {
			const struct paclient_user_list *users = m->regions[r].users;

			for (size_t u = 0; users && u < users->nusers; u++) {
				sample_begin(w);
				label(w, "region", m->regions[r].info.name);
				label_user(w, users->users[u]->uid);
				sample_end(w, value(&region_user_metrics[i], users->users[u]));
			}
		}
	}
}

/* @region: NULL for those of the daemon. What has no limit has no sample. */
static void write_quotas(struct writer *w, const char *region, const struct paclient_quota_list *qs)
{
	static const char pages[] = "_pages", extents[] = "_extents";

	for (size_t i = 0; qs && i < qs->nquotas; i++) {
		const struct paclient_quota *q = qs->quotas[i];
		bool of_region = strstr(q->name, pages) || strstr(q->name, extents);

		if (!q->limit || of_region != (region != NULL))
			continue;
		sample_begin(w);
		if (region)
			label(w, "region", region);
		label(w, "quota", q->name);
		sample_end(w, q->limit);
	}
}

static void write_limits(struct writer *w, const struct metrics *m)
{
	static const struct metric limit = {
		.name = "quota_limit",
		.help = "What one user may use of the daemon; quotas without a limit are left out",
	};
	static const struct metric region_limit = {
		.name = "region_quota_limit",
		.help = "What one user or session may use of a region; quotas without a limit are "
			"left out",
	};

	describe(w, &limit);
	write_quotas(w, NULL, m->quotas);
	describe(w, &region_limit);
	for (size_t r = 0; r < m->nregions; r++)
		write_quotas(w, m->regions[r].info.name, m->regions[r].quotas);
}

static void write_region_states(struct writer *w, const struct metrics *m)
{
	static const struct metric info = {
		.name = "region_info",
		.help = "What the region is, always 1",
	};
	static const struct metric faulted = {
		.name = "region_faulted",
		.help = "The region is closed because its state is inconsistent",
	};
	static const struct metric failing = {
		.name = "region_store_failing",
		.help = "Changes of the region cannot be written down now and are refused",
	};

	describe(w, &info);
	for (size_t r = 0; r < m->nregions; r++) {
		const struct metrics_region *x = &m->regions[r];

		sample_begin(w);
		label(w, "region", x->info.name);
		label(w, "backing", paclient_backing_name(x->info.backing));
		label(w, "durability", paclient_durability_name(x->info.durability));
		label(w, "death", paclient_death_name(x->info.death));
		sample_end(w, 1);
	}
	describe(w, &faulted);
	for (size_t r = 0; r < m->nregions; r++) {
		sample_begin(w);
		label(w, "region", m->regions[r].info.name);
		sample_end(w, m->regions[r].info.faulted);
	}
	describe(w, &failing);
	for (size_t r = 0; r < m->nregions; r++) {
		sample_begin(w);
		label(w, "region", m->regions[r].info.name);
		sample_end(w, m->regions[r].stat.store_failure[0] != '\0');
	}
}

/* One sample for each state: the one that it is in is 1. */
static void write_scavengers(struct writer *w, const struct metrics *m)
{
	static const struct metric scavenger = {
		.name = "region_scavenger_state",
		.help = "What is done about the memory of free pages: 1 for the state that it is",
	};

	describe(w, &scavenger);
	for (size_t r = 0; r < m->nregions; r++) {
		for (int s = PACLIENT_SCAVENGER_OFF; s <= PACLIENT_SCAVENGER_FAILED; s++) {
			sample_begin(w);
			label(w, "region", m->regions[r].info.name);
			label(w, "state", paclient_scavenger_name(s));
			sample_end(w, m->regions[r].stat.scavenger == s);
		}
	}
}

static void write_regions(struct writer *w, const struct metrics *m)
{
	write_region_states(w, m);
	write_scavengers(w, m);
	for (size_t i = 0; i < ARRAY_SIZE(region_metrics); i++) {
		describe(w, &region_metrics[i]);
		for (size_t r = 0; r < m->nregions; r++) {
			sample_begin(w);
			label(w, "region", m->regions[r].info.name);
			sample_end(w, value(&region_metrics[i], &m->regions[r].stat));
		}
	}
}

void metrics_write(FILE *to, const struct metrics *m, enum metrics_format format)
{
	static const struct metric up = {.name = "up", .help = "The daemon has answered"};
	struct writer w = {.to = to, .format = format};

	describe(&w, &up);
	sample_begin(&w);
	sample_end(&w, m->up);
	if (m->up) {
		write_daemon(&w, m);
		write_users(&w, m);
		write_regions(&w, m);
		write_region_users(&w, m);
		write_limits(&w, m);
	}
	fputs("# EOF\n", to);
}
