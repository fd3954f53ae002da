/*
 * test_codec - records become bytes and records again; damaged bytes are refused
 *
 * Role:       tests of store/codec: round trips with numbers of every length, every cut, random and changed bytes, from memory that ends with them.
 * Uses:       store/, check
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/codec.h"
#include "store/codec_private.h"
#include "tests/unit/random.h"
#include "tests/unit/suite.h"

#define ROUNDS 20000u

static struct random rnd;

/* Of every length in bits. */
static uint64_t any(void)
{
	return random_below(&rnd, UINT64_MAX) >> random_below(&rnd, 64);
}

static void any_text(char *text, size_t max)
{
	size_t n = 1 + random_below(&rnd, max);

	for (size_t i = 0; i < n; i++)
		text[i] = (char)(1 + random_below(&rnd, 255));
	text[n] = 0;
}

/* The bytes alone, so that reading beyond them is seen by a sanitizer or valgrind. */
static uint8_t *exact(const struct bytes *b, size_t n)
{
	uint8_t *p = malloc(n ? n : 1);

	ck_assert_ptr_nonnull(p);
	if (n)
		memcpy(p, b->data, n);
	return p;
}

static struct record_holder shares_in[REGION_SHARES_MAX], shares_out[REGION_SHARES_MAX];

static struct record_holder any_holder(void)
{
	struct record_holder h = {0};

	if (random_below(&rnd, 2))
		h.session = 1 + any() / 2;
	else
		h.uid = (uid_t)any();
	return h;
}

static void any_extent(struct extent_record *e, char *name, char *label)
{
	*e = (struct extent_record){.page = any() / 2, .npages = 1 + any() / 2};
	e->owner = any_holder();
	if (random_below(&rnd, 2)) {
		any_text(name, REGION_NAME_BYTES_MAX);
		e->name = name;
	}
	if (random_below(&rnd, 2)) {
		any_text(label, REGION_LABEL_BYTES_MAX);
		e->label = label;
	}
	e->nshares = random_below(&rnd, 3) ? 0 : (uint32_t)random_below(&rnd, 20);
	if (random_below(&rnd, 1000) == 0)
		e->nshares = REGION_SHARES_MAX;
	e->shares = shares_in;
	for (uint32_t i = 0; i < e->nshares; i++)
		shares_in[i] = any_holder();
}

static void extent_same(const struct extent_record *a, const struct extent_record *b)
{
	ck_assert_uint_eq(a->page, b->page);
	ck_assert_uint_eq(a->npages, b->npages);
	ck_assert_uint_eq(a->owner.session, b->owner.session);
	ck_assert_uint_eq(a->owner.uid, b->owner.uid);
	ck_assert_pstr_eq(a->name, b->name);
	ck_assert_pstr_eq(a->label, b->label);
	ck_assert_uint_eq(a->nshares, b->nshares);
	for (uint32_t i = 0; i < a->nshares; i++) {
		ck_assert_uint_eq(a->shares[i].session, b->shares[i].session);
		ck_assert_uint_eq(a->shares[i].uid, b->shares[i].uid);
	}
}

START_TEST(test_extent)
{
	char name[REGION_NAME_BYTES_MAX + 1], label[REGION_LABEL_BYTES_MAX + 1];
	struct extent_record e, got;
	struct bytes b = {0};

	random_init(&rnd, "test_extent");
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t *value;

		any_extent(&e, name, label);
		ck_assert_int_eq(extent_encode(&e, &b), 0);
		value = exact(&b, b.n);
		ck_assert_int_eq(extent_decode(e.page, value, b.n, shares_out, &got), 0);
		extent_same(&e, &got);
		/* Bytes that are missing, or too many. */
		for (size_t n = 0; n < b.n && i < 500; n++) {
			uint8_t *cut = exact(&b, n);

			ck_assert_int_eq(extent_decode(e.page, cut, n, shares_out, &got),
					 CODEC_E_DAMAGED);
			free(cut);
		}
		free(value);
	}
	mem_free(b.data);
}
END_TEST

/* A plain extent is what most are: it is to stay small. */
START_TEST(test_extent_is_small)
{
	struct extent_record e = {.page = 5, .npages = 100, .owner = {.session = 1000}};
	struct bytes b = {0};

	ck_assert_int_eq(extent_encode(&e, &b), 0);
	ck_assert_uint_le(b.n, 4);
	mem_free(b.data);
}
END_TEST

START_TEST(test_region)
{
	struct record_range ranges[60];
	struct bytes b = {0};

	random_init(&rnd, "test_region");
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		struct record_range *got_ranges = NULL;
		struct space_record s = {any(),
					 any(),
					 1 + any() / 2,
					 ranges,
					 ranges + 20,
					 ranges + 40,
					 (uint32_t)random_below(&rnd, 20),
					 (uint32_t)random_below(&rnd, 20),
					 (uint32_t)random_below(&rnd, 20)},
				    got;
		uint32_t number = (uint32_t)any(), got_number;
		uint64_t generation;
		uint8_t *value;

		for (size_t k = 0; k < ARRAY_SIZE(ranges); k++)
			ranges[k] = (struct record_range){any(), any()};
		ck_assert_int_eq(region_encode(number, &s, &b), 0);
		value = exact(&b, b.n);
		ck_assert_int_eq(region_decode(value, b.n, &got_ranges, &got_number, &got), 0);
		ck_assert_uint_eq(number, got_number);
		ck_assert_uint_eq(s.base_addr, got.base_addr);
		ck_assert_uint_eq(s.page_size_bytes, got.page_size_bytes);
		ck_assert_uint_eq(s.generation, got.generation);
		ck_assert_uint_eq(s.ngrown, got.ngrown);
		ck_assert_uint_eq(s.nreserved, got.nreserved);
		ck_assert_uint_eq(s.ndrained, got.ndrained);
		ck_assert(!memcmp(s.grown, got.grown, s.ngrown * sizeof(*ranges)));
		ck_assert(!memcmp(s.reserved, got.reserved, s.nreserved * sizeof(*ranges)));
		ck_assert(!memcmp(s.drained, got.drained, s.ndrained * sizeof(*ranges)));
		ck_assert_int_eq(region_decode_head(value, b.n, &got_number, &generation), 0);
		ck_assert_uint_eq(generation, s.generation);
		mem_free(got_ranges);
		free(value);
	}
	mem_free(b.data);
}
END_TEST

START_TEST(test_session)
{
	struct record_quarantine q[8], got_q[8];
	uint8_t replies[5000];
	struct bytes b = {0};

	random_init(&rnd, "test_session");
	for (unsigned i = 0; i < ROUNDS / 4; i++) {
		struct session_record s =
					      {
						      .id = 1 + any() / 2,
						      .uid = (uid_t)any(),
						      .gid = (gid_t)any(),
						      .pid = (pid_t)random_below(&rnd, INT32_MAX),
						      .state = (enum session_state)random_below(
							      &rnd, 4),
						      .open_usec = any(),
						      .grace_usec = any(),
						      .deadline_usec = any(),
						      .accepts_handover = random_below(&rnd, 2),
						      .repeats = random_below(&rnd, 2),
						      .quarantines = q,
						      .nquarantines = (uint32_t)random_below(&rnd,
											     9),
						      .memory[REGION_DURABILITY_PROCESS] =
							      {.done = any(),
							       .replies = replies,
							       .n = (uint32_t)random_below(
								       &rnd, sizeof(replies))},
					      },
				      got;
		uint64_t batch = any(), got_batch;
		uint8_t *value;

		any_text(s.client, sizeof(s.client) - 1);
		any_text(s.command, sizeof(s.command) - 1);
		for (size_t k = 0; k < SESSION_TOKEN_BYTES; k++)
			s.token[k] = (uint8_t)any();
		for (size_t k = 0; k < ARRAY_SIZE(q); k++)
			q[k] = (struct record_quarantine){(uint32_t)any(), any()};
		for (size_t k = 0; k < s.memory[REGION_DURABILITY_PROCESS].n; k++)
			replies[k] = (uint8_t)any();
		ck_assert_int_eq(session_encode(&s, batch, &b), 0);
		value = exact(&b, b.n);
		ck_assert_int_eq(session_decode(s.id, value, b.n, got_q, 8, &got, &got_batch), 0);
		ck_assert_uint_eq(batch, got_batch);
		ck_assert_uint_eq(s.uid, got.uid);
		ck_assert_uint_eq(s.gid, got.gid);
		ck_assert_int_eq(s.pid, got.pid);
		ck_assert_int_eq(s.state, got.state);
		ck_assert_uint_eq(s.open_usec, got.open_usec);
		ck_assert_uint_eq(s.grace_usec, got.grace_usec);
		ck_assert_uint_eq(s.deadline_usec, got.deadline_usec);
		ck_assert_int_eq(s.accepts_handover, got.accepts_handover);
		ck_assert_int_eq(s.repeats, got.repeats);
		ck_assert_str_eq(s.client, got.client);
		ck_assert_str_eq(s.command, got.command);
		ck_assert(!memcmp(s.token, got.token, sizeof(s.token)));
		ck_assert_uint_eq(s.nquarantines, got.nquarantines);
		for (uint32_t k = 0; k < s.nquarantines; k++) {
			ck_assert_uint_eq(q[k].region, got_q[k].region);
			ck_assert_uint_eq(q[k].until_usec, got_q[k].until_usec);
		}
		ck_assert_uint_eq(s.memory[REGION_DURABILITY_PROCESS].done,
				  got.memory[REGION_DURABILITY_PROCESS].done);
		ck_assert_uint_eq(s.memory[REGION_DURABILITY_PROCESS].n,
				  got.memory[REGION_DURABILITY_PROCESS].n);
		ck_assert(!memcmp(replies, got.memory[REGION_DURABILITY_PROCESS].replies,
				  s.memory[REGION_DURABILITY_PROCESS].n));
		if (s.nquarantines)
			ck_assert_int_eq(session_decode(s.id, value, b.n, got_q, s.nquarantines - 1,
							&got, &got_batch),
					 CODEC_E_DAMAGED);
		free(value);
	}
	mem_free(b.data);
}
END_TEST

/* All decoders, with whatever bytes: an outcome, and nothing read that is not there. */
static void decode_all(const uint8_t *value, size_t n)
{
	struct record_range *ranges = NULL;
	struct record_quarantine q[8];
	struct extent_record e;
	struct session_record s;
	struct space_record space;
	struct meta m;
	uint32_t number;
	uint64_t batch;
	size_t used = 0;

	if (!extent_decode(1, value, n, shares_out, &e))
		used += (e.name ? strlen(e.name) : 0) + (e.label ? strlen(e.label) : 0);
	if (!session_decode(1, value, n, q, 8, &s, &batch)) {
		for (uint32_t i = 0; i < s.memory[REGION_DURABILITY_PROCESS].n; i++)
			used += s.memory[REGION_DURABILITY_PROCESS].replies[i];
		used += strlen(s.client) + strlen(s.command);
	}
	if (!region_decode(value, n, &ranges, &number, &space)) {
		for (uint32_t i = 0; i < space.ngrown; i++)
			used += space.grown[i].npages;
	}
	mem_free(ranges);
	used += (size_t)region_decode_head(value, n, &number, &batch);
	used += (size_t)meta_decode(value, n, &m);
	ck_assert_uint_le(used, SIZE_MAX);
}

START_TEST(test_damaged)
{
	char name[REGION_NAME_BYTES_MAX + 1], label[REGION_LABEL_BYTES_MAX + 1];
	struct session_record s = {.id = 1, .client = "client", .command = "command"};
	struct record_range ranges[3] = {{1, 2}, {3, 4}, {5, 6}};
	struct space_record space = {1, 4096, 1, ranges, ranges + 1, ranges + 2, 1, 1, 1};
	struct extent_record e;
	struct bytes b = {0};

	random_init(&rnd, "test_damaged");
	for (unsigned i = 0; i < 5 * ROUNDS; i++) {
		unsigned nflips = (unsigned)random_below(&rnd, 4);
		uint8_t *value;
		size_t n;

		any_extent(&e, name, label);
		ck_assert_int_eq(i % 4 == 0   ? extent_encode(&e, &b)
				 : i % 4 == 1 ? session_encode(&s, i, &b)
				 : i % 4 == 2 ? region_encode(i, &space, &b)
					      : bytes_reserve(&b, 100),
				 0);
		if (i % 4 == 3) {
			b.n = random_below(&rnd, 100);
			for (size_t k = 0; k < b.n; k++)
				b.data[k] = (uint8_t)any();
		}
		n = random_below(&rnd, 3) ? b.n : random_below(&rnd, b.n + 1);
		value = exact(&b, n);
		while (nflips-- && n)
			value[random_below(&rnd, n)] ^= (uint8_t)(1u << random_below(&rnd, 8));
		decode_all(value, n);
		free(value);
	}
	mem_free(b.data);
}
END_TEST

/* What no writer writes, each refused. */
START_TEST(test_refused)
{
	static const struct {
		const char *what;
		uint8_t value[16];
		size_t n;
	} t[] = {
		{"no bytes", {0}, 0},
		{"an unknown flag", {16, 1, 1}, 3},
		{"no pages", {0, 0, 1}, 3},
		{"session 0 as owner", {0, 1, 0}, 3},
		{"a user beyond 32 bits", {1, 1, 0xff, 0xff, 0xff, 0xff, 0x1f}, 7},
		{"a number of more than 64 bits",
		 {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 1},
		 12},
		{"a name without an end", {2, 1, 1, 2, 'a', 'b'}, 6},
		{"a name with two ends", {2, 1, 1, 3, 'a', 0, 0}, 7},
		{"an empty string without its end", {2, 1, 1, 0}, 4},
		{"shares, but none", {8, 1, 1, 0}, 4},
		{"a share of session 0", {8, 1, 1, 1, 0, 0}, 6},
		{"a byte too many", {0, 1, 1, 0}, 4},
	};
	struct extent_record e;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		ck_assert_msg(extent_decode(1, t[i].value, t[i].n, shares_out, &e) ==
				      CODEC_E_DAMAGED,
			      "%s is taken", t[i].what);
	ck_assert_int_eq(extent_decode(1, (const uint8_t[]){0, 1, 1}, 3, shares_out, &e), 0);
	/* Its last page would have no number. */
	ck_assert_int_eq(extent_decode(UINT64_MAX, (const uint8_t[]){0, 1, 1}, 3, shares_out, &e),
			 CODEC_E_DAMAGED);
}
END_TEST

START_TEST(test_keys)
{
	uint8_t a[KEY_EXTENT_BYTES], b[KEY_EXTENT_BYTES];
	uint64_t x, y, got;

	random_init(&rnd, "test_keys");
	for (unsigned i = 0; i < ROUNDS; i++) {
		x = any();
		y = any();
		key_extent(a, 7, x);
		key_extent(b, 7, y);
		ck_assert_int_eq(memcmp(a, b, sizeof(a)) < 0, x < y);
		ck_assert(key_page(a, sizeof(a), &got));
		ck_assert_uint_eq(got, x);
		key_session(a, x);
		ck_assert(key_id(a, KEY_SESSION_BYTES, &got));
		ck_assert_uint_eq(got, x);
		ck_assert(!key_page(a, KEY_SESSION_BYTES, &got));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("codec");
	TCase *tc = tcase_create("codec");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_extent);
	tcase_add_test(tc, test_extent_is_small);
	tcase_add_test(tc, test_region);
	tcase_add_test(tc, test_session);
	tcase_add_test(tc, test_damaged);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_keys);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
