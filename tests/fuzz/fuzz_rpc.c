/*
 * fuzz_rpc - any bytes, as what a client sends
 *
 * Role:       the input's first byte says whether a good Hello goes ahead, and whether the session then repeats: all comes once more on a connection that
 *             resumes it. The rest is what the connection brings. Two others are
 *             there: session 1, of another user, who shares an extent and takes what it is given, and session 2, of the same
 *             user. Every answer must be a Reply, the regions must be consistent whatever came, and when the connections are
 *             gone, nothing of them is left.
 * Uses:       rpc/, region/, base/, proto/
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backing/backing.h"
#include "base/log.h"
#include "fuzz.h"
#include "proto/pallocd.pb-c.h"
#include "rpc/rpc.h"

#define MUST(condition, ...)                                       \
	do {                                                       \
		if (!(condition)) {                                \
			fprintf(stderr, "fuzz_rpc: " __VA_ARGS__); \
			fputc('\n', stderr);                       \
			abort();                                   \
		}                                                  \
	} while (0)

/* Request{id: 1, hello: {version: 1, client: "fuzz"}} */
static const uint8_t hello[] = {12,   0,    0,    0,    0x08, 0x01, 0x12, 0x08,
				0x08, 0x01, 0x12, 0x04, 'f',  'u',  'z',  'z'};

/* Everybody may do everything. */
#define RULES .rules = {{.who = ACCESS_EVERYONE, .rights = ACCESS_ALL}}, .nrules = 1

static const struct region_config configs[] = {
	{.name = "a",
	 .base_addr = 0x1000,
	 .page_size_bytes = 4096,
	 .limit_bytes = 3000 * 4096,
	 .initial_bytes = 512 * 4096,
	 .auto_grow_bytes = 4096,
	 RULES},
	{.name = "b",
	 .page_size_bytes = 1,
	 .limit_bytes = 1 << 16,
	 .initial_bytes = 1 << 16,
	 .best_fit = true,
	 RULES},
	{.name = "c",
	 .base_addr = 1 << 20,
	 .page_size_bytes = 4096,
	 .limit_bytes = 1500 * 4096,
	 .initial_bytes = 512 * 4096,
	 .auto_grow_bytes = 4096,
	 .best_fit = true,
	 .holes = {{(1 << 20) + 10 * 4096, 5 * 4096}, {(1 << 20) + 500 * 4096, 600 * 4096}},
	 .nholes = 2,
	 RULES},
	/* Sessions leave their extents to their users here, who may not have many. */
	{.name = "d",
	 .page_size_bytes = 4096,
	 .limit_bytes = 512 * 4096,
	 .initial_bytes = 512 * 4096,
	 .death = REGION_DEATH_KEEP,
	 .user_bytes = 300 * 4096,
	 .session_extents = 4,
	 .low_bytes = 100 * 4096,
	 RULES},
	/* With memory, which is opened for each input. */
	{.name = "m",
	 .base_addr = 1 << 20,
	 .page_size_bytes = 4096,
	 .limit_bytes = 512 * 4096,
	 .initial_bytes = 512 * 4096,
	 .sanitize = true,
	 RULES},
};

static void region_make(struct regions *regions, const struct region_config *config)
{
	const struct backing_config memory = {.kind = BACKING_MEMFD};
	struct region_config c = *config;
	char why[256];

	if (c.sanitize)
		MUST(!backing_open(&memory, c.name, c.limit_bytes, c.page_size_bytes, &c.backing,
				   why, sizeof(why)),
		     "region %s has no memory", c.name);
	MUST(!regions_add(regions, &c), "region %s", c.name);
}

static void check_replies(const struct rpc_out *out)
{
	size_t at = 0;

	while (at < out->n) {
		const uint8_t *p = out->data + at;
		size_t size = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 |
			      (size_t)p[3] << 24;
		Pallocd__V1__Reply *reply;

		MUST(size <= PALLOCD_FRAME_BYTES_MAX &&
			     size <= out->n - at - PALLOCD_FRAME_HEADER_BYTES,
		     "a reply of %zu bytes", size);
		reply = pallocd__v1__reply__unpack(NULL, size, p + PALLOCD_FRAME_HEADER_BYTES);
		MUST(reply, "a reply that can't be unpacked");
		MUST(!reply->status == (reply->result_case != PALLOCD__V1__REPLY__RESULT__NOT_SET),
		     "status %d, result %d", (int)reply->status, (int)reply->result_case);
		pallocd__v1__reply__free_unpacked(reply, NULL);
		at += PALLOCD_FRAME_HEADER_BYTES + size;
	}
	MUST(at == out->n, "replies end within a frame");
}

/* Serve the bytes as the network layer would: on and on while only room for replies, or time, was wanting. */
static int serve(struct rpc_conn *conn, const uint8_t *data, size_t n)
{
	static uint8_t bytes[2 * RPC_OUT_ROOM_MIN];
	size_t used, need;
	int err;

	do {
		struct rpc_out out = {.data = bytes, .size = sizeof(bytes)};

		err = rpc_serve(conn, data, n, &out, &used, &need);
		MUST(used <= n, "%zu bytes of %zu were served", used, n);
		(void)rpc_events(conn, &out);
		check_replies(&out);
		data += used;
		n -= used;
		(void)rpc_work(conn->rpc);
		/* Nobody will give anything back: it has waited long enough. */
		if (err == RPC_E_WAIT)
			conn->wait_until_usec = 1;
	} while (err == RPC_E_OUT_FULL || err == RPC_E_PAUSE || err == RPC_E_WAIT);
	return err;
}

static void check_regions(const struct regions *regions)
{
	char buf[256] = "";

	for (uint32_t i = 0; i < regions->n; i++)
		MUST(!regions->table[i]->faulted, "region %s closed itself: %s",
		     regions->table[i]->name, regions->table[i]->fault);
	MUST(regions_check(regions, buf, sizeof(buf)), "%s", buf);
}

static void ignore(struct rpc_conn *conn)
{
	(void)conn;
}

static uint64_t none_queued(const struct rpc_conn *conn)
{
	(void)conn;
	return 0;
}

static void conn_begin(struct rpc_conn *conn, struct rpc *rpc, uid_t uid, bool introduced)
{
	const struct session_peer peer = {.uid = uid, .gid = uid, .pid = 1};
	uint8_t bytes[RPC_OUT_ROOM_MIN];
	struct rpc_out out = {.data = bytes, .size = sizeof(bytes)};

	MUST(!rpc_conn_open(conn, rpc, &peer, &out), "a connection is not taken");
	if (introduced)
		MUST(!serve(conn, hello, sizeof(hello)), "a good Hello ends the connection");
}

/* The connections are gone, and all times are over: nothing is left but what belongs to users. */
static void check_end(struct rpc *rpc)
{
	struct regions *regions = rpc->regions;
	struct session *s;

	while ((s = session_next(regions, 0))) {
		if (s->state == SESSION_GRACE)
			session_end(s, SESSION_GRACE_OVER, 0);
		(void)rpc_work(rpc);
	}
	check_regions(regions);
	MUST(!rpc->nwaiting && !regions->events.nwatchers, "somebody waits or watches still");
	for (uint32_t i = 0; i < regions->n; i++)
		MUST(regions->table[i]->used_npages == regions->table[i]->detached_npages,
		     "region %s: %" PRIu64 " pages held by nobody", regions->table[i]->name,
		     regions->table[i]->used_npages - regions->table[i]->detached_npages);
}

/* The session's connection is lost, and a new one goes on with it; nothing of that can fail. */
static void conn_resume(struct rpc_conn *conn)
{
	uint8_t bytes[32] = {28,   0,    0,    0,    0x08, 0x01, 0x12, 24,
			     0x08, 0x01, 0x18, 0x64, 0x30, 0x01, 0x22, SESSION_TOKEN_BYTES};
	struct rpc *rpc = conn->rpc;

	/* Request{id: 1, hello: {version: 1, grace_msec: 100, repeats: true, token: 16 bytes}} */
	memcpy(bytes + 16, conn->session->token, SESSION_TOKEN_BYTES);
	conn->session->grace_usec = UINT64_C(3600) * 1000000;
	rpc_conn_close(conn, SESSION_CLOSED);
	conn_begin(conn, rpc, 1000, false);
	MUST(!serve(conn, bytes, sizeof(bytes)), "a Hello that resumes ends the connection");
	MUST(conn->session && conn->repeats, "a session is not resumed");
}

static void check_memory(const struct session *s)
{
	uint64_t n = 0;

	for (unsigned d = 0; d < REGION_DURABILITIES; d++)
		n += s->memory[d].n;
	MUST(n <= PALLOCD_REPEAT_BYTES_MAX, "%" PRIu64 " bytes are remembered", n);
}

static int known(struct rpc_conn *conn)
{
	(void)conn;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct rpc_ops ops = {.cut = ignore,
					   .wake = ignore,
					   .tell = ignore,
					   .identify = known,
					   .queued_bytes = none_queued};
	struct region_refusal rr;
	struct regions regions;
	struct rpc_conn other, sibling, conn;
	uint64_t addr, scavenged;
	struct rpc rpc;

	log_open(LOG_LEVEL_ERROR);
	regions_init(&regions, 0);
	for (size_t i = 0; i < ARRAY_SIZE(configs); i++)
		region_make(&regions, &configs[i]);
	MUST(!rpc_init(&rpc, &regions, "fuzz"), "rpc_init");
	rpc.ops = &ops;
	conn_begin(&other, &rpc, 1001, true);
	other.session->accepts_handover = true;
	MUST(!region_alloc_named(regions.table[3], &other.session->owner, 10, "theirs", "label",
				 NULL, &addr, &scavenged, &rr),
	     "the other's extent");
	conn_begin(&sibling, &rpc, 1000, true);
	conn_begin(&conn, &rpc, 1000, n && (data[0] & 1));
	if (conn.session)
		conn.session->repeats = conn.repeats = data[0] & 2;
	if (n)
		(void)serve(&conn, data + 1, n - 1);
	check_regions(&regions);
	if (conn.repeats) {
		check_memory(conn.session);
		conn_resume(&conn);
		(void)serve(&conn, data + 1, n - 1);
		check_regions(&regions);
	}
	rpc_conn_close(&conn, SESSION_CLOSED);
	rpc_conn_close(&sibling, SESSION_DIED);
	rpc_conn_close(&other, SESSION_CLOSED);
	check_end(&rpc);
	rpc_deinit(&rpc);
	regions_deinit(&regions);
	return 0;
}
