/*
 * fixture - one daemon without sockets and one connection to it
 *
 * Role:       shared by the tests of rpc/: requests in, the reply unpacked.
 * Uses:       rpc/, region/, proto/, check
 */
#ifndef PALLOCD_TESTS_RPC_FIXTURE_H
#define PALLOCD_TESTS_RPC_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/pallocd.pb-c.h"
#include "proto/status.h"
#include "rpc/rpc.h"
#include "tests/unit/suite.h"

#define BASE UINT64_C(0x100000)
#define OUT_BYTES (1u << 20)

/* Of a region's configuration: everybody may do everything with what is theirs. */
#define RULES \
	.rules = {{.who = ACCESS_EVERYONE, .rights = ACCESS_ALL ^ ACCESS_FREE_ANY}}, .nrules = 1

typedef Pallocd__V1__Request Request;
typedef Pallocd__V1__Reply Reply;

/* One daemon without sockets, and one connection to it. */
struct fixture {
	struct regions regions;
	struct rpc rpc;
	struct rpc_conn main;
	struct rpc_conn *conn; /* whose requests are served */
	struct rpc_out out;
	uint8_t in[OUT_BYTES];
	size_t n;
	Reply *reply;
	/* What rpc has asked of the layer that has the connections. */
	struct rpc_conn *cut[8], *woken[64], *telling[8];
	unsigned ncut, nwoken, ntelling;
	unsigned nidentified;
	int identify_err;        /* what it is told */
	struct rpc_job *jobs[8]; /* for another thread, in order */
	unsigned njobs;
	int submit_err;
};

static struct fixture f;

static inline void ops_cut(struct rpc_conn *conn)
{
	ck_assert_uint_lt(f.ncut, 8);
	f.cut[f.ncut++] = conn;
}

static inline void ops_wake(struct rpc_conn *conn)
{
	ck_assert_uint_lt(f.nwoken, 64);
	f.woken[f.nwoken++] = conn;
}

static inline void ops_tell(struct rpc_conn *conn)
{
	ck_assert_uint_lt(f.ntelling, 8);
	f.telling[f.ntelling++] = conn;
}

static inline int ops_identify(struct rpc_conn *conn)
{
	ck_assert(!conn->identified);
	f.nidentified++;
	return f.identify_err;
}

static inline int ops_submit(struct rpc *rpc, struct rpc_job *job)
{
	ck_assert_ptr_eq(rpc, &f.rpc);
	ck_assert_uint_lt(f.njobs, 8);
	if (!f.submit_err)
		f.jobs[f.njobs++] = job;
	return f.submit_err;
}

/** job_do() - the first job, as another thread does it; or it never begins. */
static inline void job_do(bool cancelled)
{
	struct rpc_job *job = f.jobs[0];

	ck_assert_uint_gt(f.njobs, 0);
	memmove(f.jobs, f.jobs + 1, --f.njobs * sizeof(f.jobs[0]));
	job->cancelled = cancelled;
	if (!cancelled)
		job->work(job);
	job->done(job);
}

static inline uint64_t ops_queued_bytes(const struct rpc_conn *conn)
{
	return conn == &f.main ? 11 : 22;
}

static const struct rpc_ops ops = {.cut = ops_cut,
				   .wake = ops_wake,
				   .tell = ops_tell,
				   .identify = ops_identify,
				   .submit = ops_submit,
				   .queued_bytes = ops_queued_bytes};

static inline void region_make(const char *name, uint64_t limit_npages, uint64_t initial_npages)
{
	struct region_config config = {
		.base_addr = BASE,
		.page_size_bytes = 4096,
		.limit_bytes = limit_npages * 4096,
		.initial_bytes = initial_npages * 4096,
		RULES,
	};

	snprintf(config.name, sizeof(config.name), "%s", name);
	ck_assert_int_eq(regions_add(&f.regions, &config), 0);
}

/* The regions agree with themselves. */
static inline void assert_regions(void)
{
	char why[200] = "";

	for (uint32_t i = 0; i < f.regions.n; i++)
		ck_assert_msg(region_check(f.regions.table[i], why, sizeof(why)), "region %u: %s",
			      i + 1, why);
}

static inline void setup(void)
{
	struct session_peer peer = {.uid = 1000, .gid = 1000, .pid = 7};

	/* Bad frames are logged; tests make many. */
	log_open(LOG_LEVEL_ERROR);
	memset(&f, 0, sizeof(f));
	regions_init(&f.regions, 500);
	region_make("r", 2048, 1024);
	ck_assert_int_eq(rpc_init(&f.rpc, &f.regions, "pallocd test"), 0);
	f.rpc.ops = &ops;
	f.out = (struct rpc_out){.data = malloc(OUT_BYTES), .size = OUT_BYTES};
	f.conn = &f.main;
	ck_assert_int_eq(rpc_conn_open(f.conn, &f.rpc, &peer, &f.out), 0);
}

static inline void teardown(void)
{
	if (f.reply)
		pallocd__v1__reply__free_unpacked(f.reply, NULL);
	rpc_conn_close(&f.main, SESSION_CLOSED);
	/* Graces and quarantines that a test leaves behind end with the regions. */
	while (!rpc_work(&f.rpc))
		;
	ck_assert_uint_eq(f.regions.nsessions[SESSION_OPEN], 0);
	ck_assert_uint_eq(f.rpc.nwaiting, 0);
	ck_assert_uint_eq(f.regions.events.nwatchers, 0);
	assert_regions();
	rpc_deinit(&f.rpc);
	regions_deinit(&f.regions);
	free(f.out.data);
}

/* Append a request to what will be sent. */
static inline void put(const Request *req)
{
	size_t n = pallocd__v1__request__get_packed_size(req);

	memcpy(f.in + f.n, &(uint32_t){(uint32_t)n}, 4);
	pallocd__v1__request__pack(req, f.in + f.n + 4);
	f.n += n + 4;
}

static inline void put_raw(const void *data, size_t n)
{
	memcpy(f.in + f.n, &(uint32_t){(uint32_t)n}, 4);
	memcpy(f.in + f.n + 4, data, n);
	f.n += n + 4;
}

/* The reply at @at of what came back; where the next one begins. */
static inline size_t unpack(size_t at)
{
	uint32_t n;

	ck_assert_uint_le(at + 4, f.out.n);
	memcpy(&n, f.out.data + at, 4);
	ck_assert_uint_le(n, PALLOCD_FRAME_BYTES_MAX);
	ck_assert_uint_le(at + 4 + n, f.out.n);
	if (f.reply)
		pallocd__v1__reply__free_unpacked(f.reply, NULL);
	f.reply = pallocd__v1__reply__unpack(NULL, n, f.out.data + at + 4);
	ck_assert_ptr_nonnull(f.reply);
	return at + 4 + n;
}

static inline int serve(void)
{
	size_t used, need;
	int err;

	f.out.n = 0;
	err = rpc_serve(f.conn, f.in, f.n, &f.out, &used, &need);
	f.n = 0;
	return err;
}

/* One request, one reply; in as many turns as it takes. */
static inline Reply *call(const Request *req)
{
	size_t used, need;
	int err;

	put(req);
	f.out.n = 0;
	do {
		err = rpc_serve(f.conn, f.in, f.n, &f.out, &used, &need);
	} while (err == RPC_E_PAUSE && !used);
	f.n = 0;
	ck_assert_int_eq(err, 0);
	ck_assert_uint_eq(unpack(0), f.out.n);
	ck_assert_uint_eq(f.reply->id, req->id);
	if (f.reply->status)
		ck_assert_msg(f.reply->refusal && *f.reply->message && !f.reply->result_case,
			      "status %d without its explanation", (int)f.reply->status);
	else
		ck_assert_msg(!f.reply->refusal && !*f.reply->message && f.reply->result_case,
			      "OK without result");
	return f.reply;
}

#define REQUEST(ID, CASE, FIELD, MESSAGE)                                              \
	((Request){.base = PROTOBUF_C_MESSAGE_INIT(&pallocd__v1__request__descriptor), \
		   .id = (ID),                                                         \
		   .verb_case = PALLOCD__V1__REQUEST__VERB_##CASE,                     \
		   .FIELD = (MESSAGE)})

static inline Reply *hello(void)
{
	Pallocd__V1__Hello m = PALLOCD__V1__HELLO__INIT;

	m.version = 1;
	m.client = (char *)"test";
	return call(&REQUEST(1, HELLO, hello, &m));
}

static inline Reply *alloc_n(uint64_t *npages, size_t n, int lifetime)
{
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	m.region_id = 1;
	m.npages = npages;
	m.n_npages = n;
	m.lifetime = (Pallocd__V1__Lifetime)lifetime;
	return call(&REQUEST(2, ALLOC, alloc, &m));
}

static inline Reply *free_n(uint64_t *addr, uint64_t *npages, size_t naddr, size_t nnpages)
{
	Pallocd__V1__Free m = PALLOCD__V1__FREE__INIT;

	m.region = (char *)"r";
	m.addr = addr;
	m.n_addr = naddr;
	m.npages = npages;
	m.n_npages = nnpages;
	return call(&REQUEST(3, FREE, free, &m));
}

/* What a refused request must leave as it was. */
struct state {
	uint64_t grown, used, held, nextents, detached;
	size_t nranges, nreserved, ndrained;
};

static inline struct state state_of(uint32_t id)
{
	const struct region *r = regions_by_id(&f.regions, id);

	return (struct state){.grown = r->grown_npages,
			      .used = r->used_npages,
			      .held = region_held_npages(r),
			      .nextents = r->extents.nlive,
			      .detached = r->detached_npages,
			      .nranges = region_nranges(r),
			      .nreserved = region_nreserved(r),
			      .ndrained = region_ndrained(r)};
}

static inline void assert_unchanged(uint32_t id, const struct state *before)
{
	struct state now = state_of(id);

	ck_assert_msg(memcmp(&now, before, sizeof(now)) == 0,
		      "something has changed; held pages: %llu, %llu; extents: %llu, %llu",
		      (unsigned long long)before->used, (unsigned long long)now.used,
		      (unsigned long long)before->nextents, (unsigned long long)now.nextents);
	assert_regions();
}

static inline void assert_refused(const Reply *reply, enum pallocd_status status, const char *field)
{
	ck_assert_msg((unsigned)reply->status == status, "wanted %s, got %s (%s)",
		      pallocd_status_name(status), pallocd_status_name((unsigned)reply->status),
		      reply->message);
	ck_assert_str_eq(reply->refusal->field, field);
}

/* Held pages of region 1, @npages from page @page on. */
static inline void alloc_at(uint64_t page, uint64_t npages)
{
	Pallocd__V1__Placement p = PALLOCD__V1__PLACEMENT__INIT;
	Pallocd__V1__Alloc m = PALLOCD__V1__ALLOC__INIT;

	p.rule = PALLOCD__V1__RULE__FIXED;
	p.addr = BASE + page * 4096;
	m.region_id = 1;
	m.npages = &npages;
	m.n_npages = 1;
	m.placement = &p;
	ck_assert_msg(!call(&REQUEST(4, ALLOC, alloc, &m))->status, "%s", f.reply->message);
}

/* Whose requests are served from here on; and again with the same argument, back. */
static inline void conn_swap(struct rpc_conn *other)
{
	f.conn = f.conn == other ? &f.main : other;
}

/* A second connection, not introduced; closed with rpc_conn_close(). */
static inline void other_connect(struct rpc_conn *other, uid_t uid)
{
	struct session_peer peer = {.uid = uid, .gid = uid, .pid = 8};

	ck_assert_int_eq(rpc_conn_open(other, &f.rpc, &peer, &f.out), 0);
}

/* The same, introduced. */
static inline void other_open(struct rpc_conn *other, uid_t uid)
{
	other_connect(other, uid);
	conn_swap(other);
	hello();
	conn_swap(other);
}

static inline void assert_ok(const Reply *reply)
{
	ck_assert_msg(!reply->status, "%s: %s", pallocd_status_name((unsigned)reply->status),
		      reply->message);
}

/* It says so in its sentence. */
static inline void assert_says(const char *text)
{
	ck_assert_msg(strstr(f.reply->message, text), "'%s' is not in: %s", text, f.reply->message);
}

/* A test program's main(): the tests that @add adds, each with a daemon of its own. */
static inline int run(const char *name, void (*add)(TCase *tc))
{
	Suite *suite = suite_create(name);
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	add(tc);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}

#endif
