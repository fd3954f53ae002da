/*
 * check - Check: does the daemon agree with itself, and with what is written?
 *
 * Role:       recounts regions, has the store compare, and tells the first of what is wrong. A region that is wrong closes itself; one whose records
 *             differ does not: what is there is the truth.
 * Uses:       base/, region/, store/, rpc/verb.h
 * Cost:       O(pages) of the regions, O(records) of the store, and the disk: all of it on the loop. It is for administrators.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rpc/verb.h"
#include "store/store.h"

/* The longest line that is told; what is longer is cut. */
#define LINE_BYTES 400u

/* Q2: tag and length of each, and what else there is in the reply. */
_Static_assert(PALLOCD_FINDINGS_MAX *(LINE_BYTES + 3) + 64 <= PALLOCD_FRAME_BYTES_MAX,
	       "all findings that are told fit a frame");

struct findings {
	struct call *c;
	Pallocd__V1__CheckReply *reply;
	const struct region *only; /* NULL: all that the caller may administer */
	bool no_memory;
};

/* What people read may have been cut within a character: nothing but ASCII gets out. */
static void plain_copy(char *to, const char *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
}

static void found(struct findings *f, const char *line)
{
	size_t n = strnlen(line, LINE_BYTES - 1);
	char *copy;

	f->reply->nfindings++;
	if (f->reply->n_findings == PALLOCD_FINDINGS_MAX)
		return;
	copy = call_take(f->c, n + 1, 1);
	if (!copy) {
		f->no_memory = true;
		return;
	}
	plain_copy(copy, line, n);
	f->reply->findings[f->reply->n_findings++] = copy;
}

static void found_in(struct findings *f, const struct region *r, const char *what, const char *why)
{
	char line[LINE_BYTES];

	snprintf(line, sizeof(line), "region %s: %s%s", r->name, what, why);
	found(f, line);
}

static bool is_asked(const struct findings *f, const struct region *r)
{
	if (r->closed)
		return false;
	return f->only ? r == f->only : session_may(f->c->conn->session, r, ACCESS_ADMIN);
}

/* Is the store's line about this region? */
static bool is_about(const char *line, const struct region *r)
{
	static const char word[] = "region ";
	size_t n = strlen(r->name);

	if (strncmp(line, word, sizeof(word) - 1))
		return false;
	line += sizeof(word) - 1;
	return !r->closed && !strncmp(line, r->name, n) && (line[n] == ',' || line[n] == ':');
}

/* Lines about no region are for everybody: that the store cannot be written or read; but sessions are no region's. */
static void on_store_line(void *ctx, const char *line)
{
	struct findings *f = ctx;
	const struct regions *rs = f->c->rpc->regions;

	for (uint32_t i = 0; i < rs->n; i++) {
		if (!is_about(line, rs->table[i]))
			continue;
		if (is_asked(f, rs->table[i]))
			found(f, line);
		return;
	}
	if (!f->only || strncmp(line, "session", strlen("session")))
		found(f, line);
}

static void region_recount(struct findings *f, struct region *r)
{
	char why[LINE_BYTES] = "";

	f->reply->nregions++;
	if (r->faulted) {
		found_in(f, r, "is closed: ", r->fault);
	} else if (!region_check(r, why, sizeof(why))) {
		found_in(f, r, "", why);
		region_fault(r, "%s", why);
	}
}

/* Where the regions are sound, what is wrong is with users and sessions. */
static void owners_recount(struct findings *f)
{
	const struct regions *rs = f->c->rpc->regions;
	char why[LINE_BYTES] = "", line[LINE_BYTES + 32];

	if (f->reply->nfindings || f->reply->nregions != rs->n - rs->nclosed ||
	    regions_check(rs, why, sizeof(why)))
		return;
	snprintf(line, sizeof(line), "users and sessions: %s", why);
	found(f, line);
}

static void store_recount(struct findings *f)
{
	struct store *s = f->c->rpc->store;
	const struct region *r = f->only;

	if (!s || (r && (r->faulted || !r->changes.kept)))
		return;
	f->reply->store_compared = true;
	(void)store_check(s, f->c->rpc->regions, on_store_line, f);
}

enum pallocd_status check_serve(struct call *c)
{
	const Pallocd__V1__Check *m = c->req->check;
	struct regions *rs = c->rpc->regions;
	struct findings f = {.c = c, .reply = c->reply.check};
	enum pallocd_status status;
	struct region *r = NULL;

	if (m->region_id || *m->region) {
		status = call_region(c, m->region_id, m->region, &r);
		if (status)
			return status;
		f.only = r;
	}
	f.reply->findings = call_take(c, PALLOCD_FINDINGS_MAX, sizeof(char *));
	if (!f.reply->findings)
		return call_no_memory(c);
	f.reply->sees_sessions = regions_operator(rs, c->conn->session->owner.uid);
	for (uint32_t i = 0; i < rs->n; i++) {
		if (is_asked(&f, rs->table[i]))
			region_recount(&f, rs->table[i]);
	}
	if (!f.reply->nregions)
		return call_refuse(c, PALLOCD_DENIED, access_right_name(ACCESS_ADMIN),
				   "uid %u has not the right 'admin' in any region: the "
				   "administrator gives rights with an Allow= line of a region",
				   (unsigned)c->conn->peer.uid);
	if (!f.only)
		owners_recount(&f);
	store_recount(&f);
	return f.no_memory ? call_no_memory(c) : PALLOCD_OK;
}
