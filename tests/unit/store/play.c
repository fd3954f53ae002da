/*
 * play - regions and sessions that live at random
 *
 * Role:       see play.h.
 * Uses:       region/, store/, check
 */
#include "play.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define DAEMON_UID 500

/* A child that is killed must not be in the midst of telling the check library something: no ck_assert() in what lives. */
#define must(condition)                                                                 \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                        \
		}                                                                       \
	} while (0)

static uint64_t below(struct play *p, uint64_t n)
{
	return random_below(&p->rnd, n);
}

void play_init(struct play *p, const struct play_config *c, const struct store *s)
{
	struct random rnd = p->rnd;

	*p = (struct play){.rnd = rnd, .now = 1000};
	regions_init(&p->regions, DAEMON_UID);
	for (unsigned n = 0; n < PLAY_REGIONS; n++) {
		unsigned i = c->reorder ? PLAY_REGIONS - 1 - n : n;
		struct region_config config = {
			.base_addr = (i + UINT64_C(1)) << 32,
			.page_size_bytes = PLAY_PAGE,
			.limit_bytes = PLAY_LIMIT_NPAGES * PLAY_PAGE,
			.auto_grow_bytes = 512 * PLAY_PAGE,
			.durability = c->durability[i],
			.death = c->death,
			.quarantine_usec = c->death == REGION_DEATH_QUARANTINE ? 50 : 0,
		};

		config.name[0] = (char)('a' + i);
		if (!store_generation(s, config.name, config.durability))
			config.initial_bytes = 512 * PLAY_PAGE;
		ck_assert_int_eq(regions_add(&p->regions, &config), 0);
	}
}

void play_deinit(struct play *p)
{
	regions_deinit(&p->regions);
}

struct region *play_region(const struct play *p, const char *name)
{
	struct region *r = regions_by_name(&p->regions, name);

	ck_assert_ptr_nonnull(r);
	return r;
}

struct session *play_session(struct play *p, uid_t uid)
{
	struct session_peer peer = {.uid = uid, .gid = uid, .pid = 7, .command = "play"};
	struct region_refusal refusal = {0};
	struct session *s = NULL;

	ck_assert_int_eq(session_open(&p->regions, &peer, "player", 1000000, p->now, &s, &refusal),
			 0);
	return s;
}

uint64_t play_take(struct region *r, struct owner *o, uint64_t npages)
{
	struct region_refusal refusal = {0};
	uint64_t addr = 0, scavenged;

	ck_assert_int_eq(region_alloc(r, o, &npages, 1, NULL, &addr, &scavenged, &refusal), 0);
	return addr;
}

void play_give(struct region *r, const struct session *s, uint64_t addr, uint64_t npages)
{
	struct region_refusal refusal = {0};
	uint64_t n, shared;

	ck_assert_int_eq(region_free(r, s, &addr, &npages, 1, &n, &shared, &refusal), 0);
}

static struct region *any_region(struct play *p)
{
	return p->regions.table[below(p, p->regions.n)];
}

static struct session *any_open(struct play *p)
{
	uint64_t n = p->regions.nsessions[SESSION_OPEN], i;

	if (n == 0 || (n < PLAY_SESSIONS_MAX && below(p, 20) == 0))
		return play_session(p, 1000 + (uid_t)below(p, 3));
	i = below(p, n);
	list_for_each (link, &p->regions.sessions[SESSION_OPEN]) {
		if (i-- == 0)
			return list_entry(link, struct session, in_regions);
	}
	abort();
}

/* An extent's address and size; false where there is none. */
static bool any_extent(struct play *p, const struct region *r, uint64_t *ret_addr,
		       uint64_t *ret_npages)
{
	static struct record_holder shares[REGION_SHARES_MAX];
	struct extent_record e;
	uint64_t page;

	if (!region_extent_next(r, below(p, PLAY_LIMIT_NPAGES), &page) &&
	    !region_extent_next(r, 0, &page))
		return false;
	if (!region_extent_get(r, page, shares, &e))
		return false;
	*ret_addr = region_addr(r, page);
	*ret_npages = e.npages;
	return true;
}

static void step_alloc(struct play *p, struct region *r, struct session *s)
{
	struct region_refusal refusal = {0};
	struct owner *o = below(p, 4) ? &s->owner : &s->owner.user->owner;
	char name[32] = "", label[32] = "";
	uint64_t addr, scavenged;

	if (below(p, 3) == 0)
		snprintf(name, sizeof(name), "name%u", (unsigned)below(p, 50));
	if (below(p, 3) == 0)
		snprintf(label, sizeof(label), "label%u", (unsigned)below(p, 4));
	if (region_alloc_named(r, o, 1 + below(p, 40), name, label, NULL, &addr, &scavenged,
			       &refusal) < 0)
		abort();
}

static void step_free(struct play *p, struct region *r, struct session *s)
{
	struct region_refusal refusal = {0};
	uint64_t addr, npages, n, shared;

	if (!any_extent(p, r, &addr, &npages))
		return;
	if (below(p, 2)) {
		uint64_t off = below(p, npages);

		addr += off * PLAY_PAGE;
		npages = 1 + below(p, npages - off);
	}
	if (region_free(r, s, &addr, &npages, 1, &n, &shared, &refusal) < 0)
		abort();
}

static void step_extent(struct play *p, struct region *r, struct session *s)
{
	struct region_refusal refusal = {0};
	struct region_view view;
	uint64_t addr, npages, n, scavenged;
	char name[32];
	int err = 0;

	if (!any_extent(p, r, &addr, &npages))
		return;
	snprintf(name, sizeof(name), "name%u", (unsigned)below(p, 50));
	switch (below(p, 5)) {
	case 0:
		err = region_annotate(r, s, addr, below(p, 3) ? name : "", "other", &refusal);
		break;
	case 1:
		err = region_share(r, s, addr, &view, &refusal);
		break;
	case 2: {
		uint32_t nholders;

		err = region_release(r, s, addr, &n, &nholders, &refusal);
		break;
	}
	case 3:
		err = region_handover(r, s, addr, &any_open(p)->owner, &n, &refusal);
		break;
	default:
		err = region_resize(r, s, addr, 1 + below(p, 30),
				    below(p, 2) ? REGION_UPPER : REGION_LOWER, &n, &scavenged,
				    &refusal);
		break;
	}
	if (err < 0)
		abort();
}

static void step_space(struct play *p, struct region *r)
{
	struct region_refusal refusal = {0};
	struct region_in_use in_use;
	uint64_t addr = region_addr(r, below(p, PLAY_LIMIT_NPAGES)), n = 1 + below(p, 20), a, b;
	int err = 0;

	if (addr + n * PLAY_PAGE > region_addr(r, PLAY_LIMIT_NPAGES))
		return;
	switch (below(p, 4)) {
	case 0:
		err = region_grow(r, 0, 512, &a, &b, &refusal);
		break;
	case 1:
		err = region_drain(r, addr, n, below(p, 2), &in_use, &refusal);
		break;
	case 2:
		err = region_reserve(r, addr, n, below(p, 2), &in_use, &refusal);
		break;
	default:
		err = region_shrink(r, 0, 512, &a, &b, &in_use, &refusal);
		break;
	}
	if (err < 0)
		abort();
}

/* As the layer above does when a request has changed something. */
static void step_memory(struct play *p, struct session *s)
{
	struct session_memory *m = &s->memory[REGION_DURABILITY_MACHINE];
	uint32_t n = (uint32_t)below(p, below(p, 20) ? 100 : 6000);
	uint8_t *replies = mem_resize(m->replies, n + 1, 1);

	must(replies);
	m->replies = replies;
	m->n = n;
	m->size = n + 1;
	for (uint32_t i = 0; i < n; i++)
		replies[i] = (uint8_t)below(p, 256);
	m->done = ++p->request;
	s->repeats = true;
	session_changed(s);
}

static void step_session(struct play *p, struct session *s)
{
	struct session_peer peer = {.uid = s->owner.uid, .gid = s->gid, .pid = 8};
	uint8_t token[SESSION_TOKEN_BYTES];
	struct region_refusal refusal = {0};

	(void)refusal;
	switch (below(p, 4)) {
	case 0:
		session_end(s, SESSION_ASKED, p->now);
		break;
	case 1:
		session_leave(s, SESSION_CLOSED, p->now);
		break;
	default:
		memcpy(token, s->token, sizeof(token));
		session_leave(s, SESSION_CLOSED, p->now);
		must(!session_resume(&p->regions, &peer, token, p->now, &s));
		break;
	}
}

void play_step(struct play *p)
{
	struct region *r = any_region(p);
	struct session *s = any_open(p);
	uint64_t what = below(p, 100);

	p->now++;
	if (what < 40 && (!p->used_max || r->used_npages < p->used_max))
		step_alloc(p, r, s);
	else if (what < 60)
		step_free(p, r, s);
	else if (what < 75)
		step_extent(p, r, s);
	else if (what < 80)
		step_space(p, r);
	else if (what < 92)
		step_memory(p, s);
	else if (what < 96)
		step_session(p, s);
	else if (what < 99)
		regions_reclaim(&p->regions, 1 + (uint32_t)below(p, 5), p->now);
	else
		regions_expire(&p->regions, p->now);
}

static void text_ranges(FILE *f, const char *what, const struct record_range *v, uint32_t n)
{
	fprintf(f, "  %s", what);
	for (uint32_t i = 0; i < n; i++)
		fprintf(f, " %" PRIu64 "+%" PRIu64, v[i].page, v[i].npages);
	fprintf(f, "\n");
}

static void text_done(FILE *f, const struct regions *rs, uint64_t id)
{
	const struct session *s = id ? session_by_id(rs, id) : NULL;

	if (s && s->state <= SESSION_GRACE)
		fprintf(f, " (done %" PRIu64 ", %u)", s->memory[REGION_DURABILITY_MACHINE].done,
			s->memory[REGION_DURABILITY_MACHINE].n);
}

static void text_region(FILE *f, const struct regions *rs, const struct region *r)
{
	static struct record_holder shares[REGION_SHARES_MAX];
	struct record_range *ranges = calloc(region_space_nranges(r) + 1, sizeof(*ranges));
	struct space_record space;
	struct extent_record e;

	region_space_get(r, ranges, &space);
	fprintf(f, "region %s: generation %" PRIu64 "\n", r->name, space.generation);
	text_ranges(f, "grown", space.grown, space.ngrown);
	text_ranges(f, "reserved", space.reserved, space.nreserved);
	text_ranges(f, "drained", space.drained, space.ndrained);
	free(ranges);
	for (uint64_t page = 0; region_extent_next(r, page, &page); page++) {
		if (!region_extent_get(r, page, shares, &e))
			continue;
		fprintf(f, "  %" PRIu64 "+%" PRIu64 " of %" PRIu64 "/%u", page, e.npages,
			e.owner.session, (unsigned)e.owner.uid);
		text_done(f, rs, e.owner.session);
		fprintf(f, " %s %s", e.name ? e.name : "-", e.label ? e.label : "-");
		for (uint32_t i = 0; i < e.nshares; i++)
			fprintf(f, " %" PRIu64, e.shares[i].session);
		fprintf(f, "\n");
	}
}

static void text_session(FILE *f, const struct session *s)
{
	struct record_quarantine q[PLAY_REGIONS];
	struct session_record r;
	bool ended = s->state == SESSION_ENDING || s->state == SESSION_QUARANTINED;

	session_get(s, q, &r);
	fprintf(f, "session %" PRIu64 ": %u %u %s %s %s", r.id, (unsigned)r.uid, (unsigned)r.gid,
		session_state_name(ended ? s->state : SESSION_GRACE), r.client, r.command);
	for (unsigned i = 0; i < SESSION_TOKEN_BYTES && !ended; i++)
		fprintf(f, "%02x", r.token[i]);
	for (uint32_t i = 0; i < r.nquarantines; i++)
		fprintf(f, " %u:%" PRIu64, q[i].region, q[i].until_usec);
	fprintf(f, "\n  done %" PRIu64 " %d %d ",
		ended ? 0 : r.memory[REGION_DURABILITY_MACHINE].done, r.repeats,
		r.accepts_handover);
	for (uint32_t i = 0; i < r.memory[REGION_DURABILITY_MACHINE].n; i++)
		fprintf(f, "%02x", r.memory[REGION_DURABILITY_MACHINE].replies[i]);
	fprintf(f, "\n");
}

static void text_regions(FILE *f, const struct play *p, int durability)
{
	for (unsigned i = 0; i < PLAY_REGIONS; i++) {
		const char name[2] = {(char)('a' + i)};
		const struct region *r = play_region(p, name);

		if (durability == REGION_DURABILITIES || (int)r->durability == durability)
			text_region(f, &p->regions, r);
	}
}

char *play_text_regions(const struct play *p, int durability)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(f);
	text_regions(f, p, durability);
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

char *play_text(const struct play *p, int durability)
{
	const struct session *s = NULL;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(f);
	text_regions(f, p, durability);
	while ((s = session_next(&p->regions, s ? s->id : 0)))
		text_session(f, s);
	ck_assert_int_eq(fclose(f), 0);
	return text;
}

struct store *play_load(struct play *p, const struct play_config *c, const char *dir, bool machine)
{
	struct store_config config = {.machine_dir = machine ? dir : NULL};
	struct store *s = NULL;
	char why[256] = "";

	for (unsigned i = 0; i < PLAY_REGIONS; i++) {
		if (c->durability[i] == REGION_DURABILITY_PROCESS)
			config.process_dir = dir;
	}
	ck_assert_int_eq(store_open(&config, &s), 0);
	play_init(p, c, s);
	ck_assert_int_eq(store_load(s, &p->regions, NULL, p->now + 1000000), 0);
	for (uint32_t i = 0; i < p->regions.n; i++)
		ck_assert_msg(!p->regions.table[i]->faulted, "%s", p->regions.table[i]->fault);
	ck_assert_msg(regions_check(&p->regions, why, sizeof(why)), "%s", why);
	return s;
}

int play_commit(struct store *s)
{
	struct store_batch *b = NULL;
	int err = store_commit(s, &b);

	if (!err && b)
		err = store_batch_write(b);
	store_batch_free(b);
	return err;
}

char *play_dir(void)
{
	const char *base = getenv("TMPDIR");
	char *dir = NULL;

	if (!base)
		base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	ck_assert_int_gt(asprintf(&dir, "%s/pallocd-store-XXXXXX", base), 0);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	return dir;
}

void play_remove(char *dir)
{
	static const char *const names[] = {
		"process.lmdb",     "process.lock",     "process.journal",
		"machine.journal",  "machine.lmdb",     "machine.lock",
		"process.lmdb.new", "machine.lmdb.new", "boot"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char *path = NULL;

		ck_assert_int_gt(asprintf(&path, "%s/%s", dir, names[i]), 0);
		unlink(path);
		free(path);
	}
	ck_assert_msg(!rmdir(dir), "%s: %s", dir, strerror(errno));
	free(dir);
}

void play_same(char *wanted, char *got)
{
	size_t i = 0, line = 0;

	while (wanted[i] && wanted[i] == got[i]) {
		i++;
		if (wanted[i - 1] == '\n')
			line = i;
	}
	ck_assert_msg(wanted[i] == got[i], "wanted: %.300s\ngot: %.300s", wanted + line,
		      got + line);
	free(wanted);
	free(got);
}
