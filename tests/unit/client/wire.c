/*
 * wire - hand-packed messages are those of protobuf-c, and the tables are the protocol's
 *
 * Role:       compares client/lib/wire.c with the generated code; paclient.h with proto/status.h and limits.h.
 * Uses:       client/lib, proto/, check
 */
#include "client/lib/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/paclient.h"
#include "proto/limits.h"
#include "proto/pallocd.pb-c.h"
#include "proto/status.h"
#include "tests/unit/client/run.h"

#define NROUNDS 20000
#define NMAX 40

static uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* All lengths of varint are equally likely. */
static uint64_t rnd_value(void)
{
	return rnd() >> rnd() % 64;
}

static void seed_set(void)
{
	const char *s = getenv("TEST_SEED");

	seed = s ? strtoull(s, NULL, 0) : 0x9e3779b97f4a7c15u;
	printf("TEST_SEED=%#llx\n", (unsigned long long)seed);
}

static void compare(const struct wire_extents *x)
{
	Pallocd__V1__Request q = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Alloc a = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__Free f = PALLOCD__V1__FREE__INIT;
	uint8_t want[2048], got[2048];
	size_t n;

	q.id = x->id;
	q.answered = x->answered;
	a.region_id = f.region_id = x->region_id;
	a.n_npages = f.n_npages = f.n_addr = x->n;
	a.npages = f.npages = (uint64_t *)x->npages;
	f.addr = (uint64_t *)x->addrs;
	a.lifetime = x->detached ? PALLOCD__V1__LIFETIME__DETACHED : PALLOCD__V1__LIFETIME__SESSION;
	q.alloc = &a;
	q.verb_case = PALLOCD__V1__REQUEST__VERB_ALLOC;
	if (x->addrs) {
		q.free = &f;
		q.verb_case = PALLOCD__V1__REQUEST__VERB_FREE;
	}
	n = pallocd__v1__request__pack(&q, want);
	ck_assert_uint_eq(wire_extents_bytes(x), n);
	wire_extents_pack(x, got);
	ck_assert_mem_eq(got, want, n);
	if (x->n > WIRE_FEW)
		return;
	memset(got, 0, sizeof(got));
	ck_assert_uint_eq(wire_few_pack(x, got), n);
	ck_assert_mem_eq(got, want, n);
}

/* The longest that few extents can be. */
START_TEST(few_have_room)
{
	uint64_t most[WIRE_FEW];
	struct wire_extents x = {.id = UINT64_MAX,
				 .answered = UINT64_MAX,
				 .region_id = UINT32_MAX,
				 .n = WIRE_FEW,
				 .addrs = most,
				 .npages = most};

	memset(most, 0xff, sizeof(most));
	ck_assert_uint_eq(wire_extents_bytes(&x), WIRE_FEW_BYTES);
	compare(&x);
}
END_TEST

START_TEST(requests_equal_protobuf)
{
	uint64_t addrs[NMAX], npages[NMAX];

	seed_set();
	for (int round = 0; round < NROUNDS; round++) {
		struct wire_extents x = {.id = rnd_value(),
					 .answered = rnd() & 1 ? rnd_value() : 0,
					 .region_id = (uint32_t)rnd_value(),
					 .n = 1 + rnd() % NMAX,
					 .npages = npages};

		/* The library counts from 1, and protobuf-c leaves out a 0. */
		x.id += !x.id;
		for (size_t i = 0; i < x.n; i++) {
			addrs[i] = rnd_value();
			npages[i] = rnd_value();
		}
		if (rnd() & 1)
			x.addrs = addrs;
		else
			x.detached = rnd() & 1;
		compare(&x);
	}
}
END_TEST

static size_t alloc_reply(uint8_t *to, uint64_t *addrs, size_t n)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__AllocReply a = PALLOCD__V1__ALLOC_REPLY__INIT;

	reply.id = 77;
	a.addr = addrs;
	a.n_addr = n;
	a.scavenged_npages = 300;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_ALLOC;
	reply.alloc = &a;
	return pallocd__v1__reply__pack(&reply, to);
}

START_TEST(alloc_replies_are_read)
{
	uint64_t addrs[NMAX], got[NMAX];
	uint8_t msg[1024];

	seed_set();
	for (int round = 0; round < NROUNDS; round++) {
		struct wire_reply r;
		size_t n = 1 + rnd() % NMAX, nbytes;

		for (size_t i = 0; i < n; i++)
			addrs[i] = rnd_value();
		nbytes = alloc_reply(msg, addrs, n);
		ck_assert_int_eq(wire_reply_scan(msg, nbytes, &r), 0);
		ck_assert_uint_eq(r.id, 77);
		ck_assert_uint_eq(r.status, 0);
		ck_assert_uint_eq(r.result, PALLOCD__V1__REPLY__RESULT_ALLOC);
		ck_assert_int_eq(wire_alloc_reply(&r, n, got), 0);
		ck_assert_mem_eq(got, addrs, n * sizeof(got[0]));
		ck_assert_int_ne(wire_alloc_reply(&r, n - 1, got), 0);
		if (n < NMAX)
			ck_assert_int_ne(wire_alloc_reply(&r, n + 1, got), 0);
	}
}
END_TEST

/* Entry by entry, in two packed pieces, and with fields from the future between them. */
START_TEST(alloc_reply_in_other_shapes)
{
	static const uint8_t msg[] = {0x08, 0x05, 0x6a, 0x12, 0x08, 0x07, 0x12, 0x01,
				      0x08, 0x0a, 0x02, 0x08, 0x09, 0xfa, 0x01, 0x01,
				      0xff, 0x10, 0x80, 0x02, 0x08, 0x0a};
	struct wire_reply r;
	uint64_t got[4];

	ck_assert_int_eq(wire_reply_scan(msg, sizeof(msg), &r), 0);
	ck_assert_uint_eq(r.id, 5);
	/* Field 2 with the wrong wire type is skipped as any unknown field. */
	ck_assert_int_eq(wire_alloc_reply(&r, 4, got), 0);
	for (uint64_t i = 0; i < 4; i++)
		ck_assert_uint_eq(got[i], 7 + i);
}
END_TEST

/* A field from the future in front of the others: what has it is no usual shape, and is read the long way. */
static const uint8_t future[] = {0xa0, 0x06, 0x01};

#define REPLY_BYTES 1024

/* Any Reply of the usual kinds, and others. Return: its bytes. */
static size_t any_reply(uint8_t *to)
{
	uint64_t addrs[NMAX], npages[NMAX];
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__AllocReply a = PALLOCD__V1__ALLOC_REPLY__INIT;
	Pallocd__V1__FreeReply f = PALLOCD__V1__FREE_REPLY__INIT;
	Pallocd__V1__LookupReply l = PALLOCD__V1__LOOKUP_REPLY__INIT;

	for (size_t i = 0; i < NMAX; i++)
		addrs[i] = rnd_value(), npages[i] = rnd_value();
	reply.id = rnd() % 8 ? rnd_value() : 0;
	a.addr = addrs;
	a.n_addr = rnd() % 2 ? rnd() % 3 : rnd() % NMAX;
	a.scavenged_npages = rnd() % 2 ? rnd_value() : 0;
	a.npages = npages;
	a.n_npages = rnd() % 4 ? 0 : a.n_addr;
	f.npages = rnd() % 4 ? rnd_value() : 0;
	switch (rnd() % 8) {
	case 0:
		reply.status = (Pallocd__V1__Status)(rnd() % 40);
		reply.message = (char *)"no";
		break;
	case 1:
		reply.result_case = PALLOCD__V1__REPLY__RESULT_LOOKUP;
		reply.lookup = &l;
		break;
	case 2:
	case 3:
		reply.result_case = PALLOCD__V1__REPLY__RESULT_FREE;
		reply.free = &f;
		break;
	default:
		reply.result_case = PALLOCD__V1__REPLY__RESULT_ALLOC;
		reply.alloc = &a;
	}
	return pallocd__v1__reply__pack(&reply, to);
}

/* What the reader of addresses says of a body is what protobuf-c says, and what it says where a field from the future comes first. */
static void addrs_agree(const struct wire_reply *r)
{
	uint8_t far[sizeof(future) + REPLY_BYTES];
	struct wire_reply long_way = {.body = far, .body_bytes = sizeof(future) + r->body_bytes};
	Pallocd__V1__AllocReply *a;
	uint64_t got[2][NMAX];

	memcpy(far, future, sizeof(future));
	memcpy(far + sizeof(future), r->body, r->body_bytes);
	a = pallocd__v1__alloc_reply__unpack(NULL, r->body_bytes, r->body);
	for (size_t n = 0; n <= NMAX; n++) {
		int err = wire_alloc_reply(r, n, got[0]);

		ck_assert_int_eq(wire_alloc_reply(&long_way, n, got[1]), err);
		if (!err)
			ck_assert_mem_eq(got[0], got[1], n * sizeof(got[0][0]));
		if (a)
			ck_assert_int_eq(!err, n == a->n_addr);
		if (a && !err && n)
			ck_assert_mem_eq(got[0], a->addr, n * sizeof(got[0][0]));
	}
	if (a)
		pallocd__v1__alloc_reply__free_unpacked(a, NULL);
}

static void scans_agree(const uint8_t *msg, size_t n)
{
	uint8_t far[sizeof(future) + REPLY_BYTES];
	Pallocd__V1__Reply *reply;
	struct wire_reply r, s;
	int err = wire_reply_scan(msg, n, &r);

	memcpy(far, future, sizeof(future));
	memcpy(far + sizeof(future), msg, n);
	ck_assert_int_eq(wire_reply_scan(far, sizeof(future) + n, &s), err);
	reply = pallocd__v1__reply__unpack(NULL, n, msg);
	if (!err) {
		ck_assert_uint_eq(r.id, s.id);
		ck_assert_uint_eq(r.status, s.status);
		ck_assert_uint_eq(r.result, s.result);
		ck_assert_uint_eq(r.body_bytes, s.body_bytes);
		if (r.result)
			ck_assert_int_eq(r.body - msg, s.body - far - (ptrdiff_t)sizeof(future));
		if (r.result == PALLOCD__V1__REPLY__RESULT_ALLOC)
			addrs_agree(&r);
	}
	if (reply) {
		ck_assert_int_eq(err, 0);
		ck_assert_uint_eq(r.id, reply->id);
		ck_assert_uint_eq((uint32_t)r.status, (uint32_t)reply->status);
		ck_assert_uint_eq(r.result, reply->result_case);
		pallocd__v1__reply__free_unpacked(reply, NULL);
	}
}

/* As they are, cut short, and with bytes changed; each in memory of just its length. */
START_TEST(short_and_long_ways_agree)
{
	uint8_t whole[REPLY_BYTES];

	seed_set();
	for (int round = 0; round < NROUNDS; round++) {
		size_t full = any_reply(whole), n = rnd() % 4 ? full : rnd() % (full + 1);
		unsigned nchanges = rnd() % 2 ? 0 : (unsigned)(rnd() % 3);
		uint8_t *msg = malloc(n ? n : 1);

		ck_assert_ptr_nonnull(msg);
		memcpy(msg, whole, n);
		/* At the front there are keys and lengths. */
		for (unsigned i = 0; n && i < nchanges; i++)
			msg[rnd() % (rnd() % 2 && n > 12 ? 12 : n)] = (uint8_t)rnd();
		scans_agree(msg, n);
		free(msg);
	}
}
END_TEST

/* Whatever the bytes are: no crash, nothing read beyond the end (an exact block under the sanitizer). */
START_TEST(garbage_is_survived)
{
	uint64_t addrs[8], got[8];
	uint8_t whole[256];
	size_t full;

	seed_set();
	for (size_t i = 0; i < 8; i++)
		addrs[i] = rnd_value();
	full = alloc_reply(whole, addrs, 8);
	for (int round = 0; round < NROUNDS; round++) {
		size_t n = rnd() % (full + 1);
		uint8_t *msg = malloc(n ? n : 1);
		struct wire_reply r;

		memcpy(msg, whole, n);
		for (size_t i = 0; n && i < rnd() % 4; i++)
			msg[rnd() % n] = (uint8_t)rnd();
		if (wire_reply_scan(msg, n, &r) == 0)
			(void)!wire_alloc_reply(&r, 8, got);
		free(msg);
	}
}
END_TEST

START_TEST(statuses_equal_the_table)
{
#define COMPARE(value, name, exit_code, sentence)                    \
	ck_assert_int_eq(PACLIENT_##name, value);                    \
	ck_assert_str_eq(paclient_status_name(value), #name);        \
	ck_assert_str_eq(paclient_status_sentence(value), sentence); \
	ck_assert_int_eq(paclient_status_exit_code(value), exit_code);
	PALLOCD_STATUS_TABLE(COMPARE)
#undef COMPARE
	ck_assert_str_eq(paclient_status_name(999), "UNKNOWN");
	ck_assert_str_eq(paclient_status_name(-1), "UNKNOWN");
	ck_assert_int_eq(paclient_status_exit_code(999), 1);
}
END_TEST

/* As many constants in paclient.h as there are rows in the table. */
START_TEST(no_status_of_our_own)
{
	static const int ours[] = {PACLIENT_OK,
				   PACLIENT_MALFORMED,
				   PACLIENT_FRAME_TOO_LONG,
				   PACLIENT_UNKNOWN_VERB,
				   PACLIENT_HELLO_REQUIRED,
				   PACLIENT_VERSION,
				   PACLIENT_INVALID,
				   PACLIENT_LIMIT,
				   PACLIENT_NO_REGION,
				   PACLIENT_NO_SPACE,
				   PACLIENT_OUT_OF_REGION,
				   PACLIENT_UNALIGNED,
				   PACLIENT_NOT_ALLOCATED,
				   PACLIENT_NOT_OWNER,
				   PACLIENT_NO_MEMORY,
				   PACLIENT_FAULTED,
				   PACLIENT_OVERLOADED,
				   PACLIENT_NOT_FREE,
				   PACLIENT_IN_USE,
				   PACLIENT_NO_SESSION,
				   PACLIENT_DENIED,
				   PACLIENT_QUOTA,
				   PACLIENT_NOT_FOUND,
				   PACLIENT_NAME_TAKEN,
				   PACLIENT_SHARED,
				   PACLIENT_TOO_SLOW,
				   PACLIENT_SESSION_ENDED,
				   PACLIENT_STORE_FAILED,
				   PACLIENT_STALE,
				   PACLIENT_TIMED_OUT,
				   PACLIENT_NOT_CONNECTED,
				   PACLIENT_DISCONNECTED,
				   PACLIENT_BAD_ARGUMENT,
				   PACLIENT_PROTOCOL,
				   PACLIENT_OUT_OF_MEMORY,
				   PACLIENT_SYSTEM,
				   PACLIENT_PENDING,
				   PACLIENT_CANCELLED};
	size_t rows = 0;

#define COUNT(value, name, exit_code, sentence) rows++;
	PALLOCD_STATUS_TABLE(COUNT)
#undef COUNT
	ck_assert_uint_eq(sizeof(ours) / sizeof(ours[0]), rows);
}
END_TEST

START_TEST(numbers_equal_the_limits)
{
	ck_assert_uint_eq(PACLIENT_NAME_BYTES, PALLOCD_NAME_BYTES_MAX + 1);
	/* As many as the daemon lists. */
	ck_assert_uint_eq(PACLIENT_DRAIN_EXTENTS_MAX, PALLOCD_IN_USE_EXTENTS_MAX);
	ck_assert_str_eq(paclient_version(), PROJECT_VERSION);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_wire");

	run_add(s, "requests_equal_protobuf", requests_equal_protobuf);
	run_add(s, "alloc_replies_are_read", alloc_replies_are_read);
	run_add(s, "alloc_reply_in_other_shapes", alloc_reply_in_other_shapes);
	run_add(s, "few_have_room", few_have_room);
	run_add(s, "short_and_long_ways_agree", short_and_long_ways_agree);
	run_add(s, "garbage_is_survived", garbage_is_survived);
	run_add(s, "statuses_equal_the_table", statuses_equal_the_table);
	run_add(s, "no_status_of_our_own", no_status_of_our_own);
	run_add(s, "numbers_equal_the_limits", numbers_equal_the_limits);
	return suite_run(s);
}
