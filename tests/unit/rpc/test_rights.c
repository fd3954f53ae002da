/*
 * test_rights - who may do what, and how much of it
 *
 * Role:       unit tests of the rights that each verb needs, and of what is told about rights and quotas, in rpc/.
 * Uses:       rpc/, region/, proto/, check
 */
#include "fixture.h"
#include "rpc/call.h"

/* Each verb that names a region, and the right that it takes. */
static const struct verb_case {
	const char *name;
	Pallocd__V1__Request__VerbCase verb;
	unsigned needs; /* 0: any right */
} cases[] = {
	{"region_info", PALLOCD__V1__REQUEST__VERB_REGION_INFO, 0},
	{"alloc", PALLOCD__V1__REQUEST__VERB_ALLOC, ACCESS_ALLOC},
	{"free", PALLOCD__V1__REQUEST__VERB_FREE, 0},
	{"grow", PALLOCD__V1__REQUEST__VERB_GROW, ACCESS_GROW},
	{"stat", PALLOCD__V1__REQUEST__VERB_STAT, 0},
	{"map", PALLOCD__V1__REQUEST__VERB_MAP, 0},
	{"why", PALLOCD__V1__REQUEST__VERB_WHY, 0},
	{"fit", PALLOCD__V1__REQUEST__VERB_FIT, 0},
	{"resize", PALLOCD__V1__REQUEST__VERB_RESIZE, ACCESS_ALLOC},
	{"split", PALLOCD__V1__REQUEST__VERB_SPLIT, 0},
	{"join", PALLOCD__V1__REQUEST__VERB_JOIN, 0},
	{"shrink", PALLOCD__V1__REQUEST__VERB_SHRINK, ACCESS_ADMIN},
	{"drain", PALLOCD__V1__REQUEST__VERB_DRAIN, ACCESS_ADMIN},
	{"reserve", PALLOCD__V1__REQUEST__VERB_RESERVE, ACCESS_ADMIN},
	{"free_runs", PALLOCD__V1__REQUEST__VERB_FREE_RUNS, 0},
	{"sessions", PALLOCD__V1__REQUEST__VERB_SESSIONS, 0},
	{"lookup", PALLOCD__V1__REQUEST__VERB_LOOKUP, 0},
	{"list", PALLOCD__V1__REQUEST__VERB_LIST, 0},
	{"annotate", PALLOCD__V1__REQUEST__VERB_ANNOTATE, 0},
	{"share", PALLOCD__V1__REQUEST__VERB_SHARE, ACCESS_ATTACH_RO},
	{"release", PALLOCD__V1__REQUEST__VERB_RELEASE, 0},
	{"handover", PALLOCD__V1__REQUEST__VERB_HANDOVER, 0},
	{"quotas", PALLOCD__V1__REQUEST__VERB_QUOTAS, 0},
	{"watch", PALLOCD__V1__REQUEST__VERB_WATCH, 0},
	{"attach", PALLOCD__V1__REQUEST__VERB_ATTACH, ACCESS_ATTACH_RO},
	{"scavenge", PALLOCD__V1__REQUEST__VERB_SCAVENGE, ACCESS_ADMIN},
	{"check", PALLOCD__V1__REQUEST__VERB_CHECK, ACCESS_ADMIN},
};
#define NCASES ((int)(sizeof(cases) / sizeof(cases[0])))

static void assert_named(const struct verb_case *v)
{
	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(
		&pallocd__v1__request__descriptor, v->verb);

	ck_assert_str_eq(field->name, v->name);
}

/* Verb @v on region 1, whatever else it would need: the right is asked for first. */
static const Reply *ask(const struct verb_case *v)
{
	/* The region's id is the first field of all of them, but for Sessions, where it is the second. */
	uint8_t bytes[8] = {0x08, 9};
	unsigned tag = (unsigned)v->verb << 3 | 2;
	size_t n = 2;

	if (tag < 0x80) {
		bytes[n++] = (uint8_t)tag;
	} else {
		bytes[n++] = (uint8_t)(tag | 0x80);
		bytes[n++] = (uint8_t)(tag >> 7);
	}
	bytes[n] = 2;
	bytes[n + 1] = v->verb == PALLOCD__V1__REQUEST__VERB_SESSIONS ? 0x10 : 0x08;
	bytes[n + 2] = 1;
	put_raw(bytes, n + 3);
	ck_assert_int_eq(serve(), 0);
	ck_assert_uint_eq(unpack(0), f.out.n);
	ck_assert_uint_eq(f.reply->id, 9);
	watch_end(f.conn);
	return f.reply;
}

START_TEST(each_verb_needs_its_right)
{
	const struct verb_case *v = &cases[_i];
	struct state before;

	assert_named(v);
	hello();
	alloc_n((uint64_t[]){3}, 1, 0);
	before = state_of(1);
	for (unsigned right = 1; right <= ACCESS_ADMIN; right <<= 1) {
		f.main.session->rights[0] = (uint8_t)right;
		ask(v);
		if (!v->needs || (right & v->needs)) {
			ck_assert_msg((unsigned)f.reply->status != PALLOCD_DENIED, "%s: %s",
				      v->name, f.reply->message);
			continue;
		}
		assert_refused(f.reply, PALLOCD_DENIED,
			       access_right_name((enum access_right)v->needs));
		assert_says("Allow=");
		assert_says("in region r");
	}
	f.main.session->rights[0] = 0;
	assert_refused(ask(v), PALLOCD_DENIED,
		       v->needs ? access_right_name((enum access_right)v->needs) : "any");
	assert_says("uid 1000 has not ");
	assert_unchanged(1, &before);
}
END_TEST

/* No verb of a region is left out of the table above. */
START_TEST(the_table_is_complete)
{
	const ProtobufCMessageDescriptor *d = &pallocd__v1__request__descriptor;
	int n = 0;

	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCMessageDescriptor *m = d->fields[i].descriptor;

		if (d->fields[i].type == PROTOBUF_C_TYPE_MESSAGE &&
		    protobuf_c_message_descriptor_get_field_by_name(m, "region_id"))
			n++;
	}
	ck_assert_int_eq(n, NCASES);
}
END_TEST

START_TEST(regions_are_listed_with_rights)
{
	static const unsigned rights[] = {0, ACCESS_ALLOC, ACCESS_ATTACH_RO | ACCESS_ADMIN,
					  ACCESS_ALL};
	Pallocd__V1__ListRegions m = PALLOCD__V1__LIST_REGIONS__INIT;
	const Pallocd__V1__Region *r;
	unsigned told = 0;

	f.regions.table[0]->death = REGION_DEATH_QUARANTINE;
	f.regions.table[0]->quarantine_usec = 1500000;
	f.regions.table[0]->low_npages = 77;
	hello();
	f.main.session->rights[0] = (uint8_t)rights[_i];
	assert_ok(call(&REQUEST(1, LIST_REGIONS, list_regions, &m)));
	r = f.reply->list_regions->regions[0];
	for (size_t i = 0; i < r->n_rights; i++)
		told |= 1u << (r->rights[i] - 1);
	ck_assert_uint_eq(told, rights[_i]);
	ck_assert_uint_eq((unsigned)r->death, PALLOCD__V1__DEATH_POLICY__DEATH_QUARANTINE);
	ck_assert_uint_eq(r->quarantine_msec, 1500);
	ck_assert_uint_eq(r->low_npages, 77);
}
END_TEST

/* The wire's enums and region's have the same values. */
START_TEST(numbers_agree)
{
	ck_assert_uint_eq(1u << (PALLOCD__V1__RIGHT__RIGHT_ALLOC - 1), ACCESS_ALLOC);
	ck_assert_uint_eq(1u << (PALLOCD__V1__RIGHT__RIGHT_ATTACH_RO - 1), ACCESS_ATTACH_RO);
	ck_assert_uint_eq(1u << (PALLOCD__V1__RIGHT__RIGHT_ATTACH_RW - 1), ACCESS_ATTACH_RW);
	ck_assert_uint_eq(1u << (PALLOCD__V1__RIGHT__RIGHT_FREE_ANY - 1), ACCESS_FREE_ANY);
	ck_assert_uint_eq(1u << (PALLOCD__V1__RIGHT__RIGHT_GROW - 1), ACCESS_GROW);
	ck_assert_uint_eq(1u << (PALLOCD__V1__RIGHT__RIGHT_ADMIN - 1), ACCESS_ADMIN);
	ck_assert_int_eq(PALLOCD__V1__DEATH_POLICY__DEATH_FREE, REGION_DEATH_FREE);
	ck_assert_int_eq(PALLOCD__V1__DEATH_POLICY__DEATH_QUARANTINE, REGION_DEATH_QUARANTINE);
	ck_assert_int_eq(PALLOCD__V1__DEATH_POLICY__DEATH_KEEP, REGION_DEATH_KEEP);
	ck_assert_int_eq(PALLOCD__V1__SESSION_STATE__SESSION_OPEN, SESSION_OPEN);
	ck_assert_int_eq(PALLOCD__V1__SESSION_STATE__SESSION_GRACE, SESSION_GRACE);
	ck_assert_int_eq(PALLOCD__V1__SESSION_STATE__SESSION_ENDING, SESSION_ENDING);
	ck_assert_int_eq(PALLOCD__V1__SESSION_STATE__SESSION_QUARANTINED, SESSION_QUARANTINED);
	ck_assert_int_eq(PALLOCD__V1__END_CAUSE__END_CLOSED, SESSION_CLOSED);
	ck_assert_int_eq(PALLOCD__V1__END_CAUSE__END_DIED, SESSION_DIED);
	ck_assert_int_eq(PALLOCD__V1__END_CAUSE__END_ASKED, SESSION_ASKED);
	ck_assert_int_eq(PALLOCD__V1__END_CAUSE__END_KILLED, SESSION_KILLED);
	ck_assert_int_eq(PALLOCD__V1__END_CAUSE__END_GRACE, SESSION_GRACE_OVER);
	ck_assert_int_eq(PALLOCD__V1__EVENT_KIND__EVENT_ALLOC, EVENT_ALLOC);
	ck_assert_int_eq(PALLOCD__V1__EVENT_KIND__EVENT_SESSION_END, EVENT_SESSION_END);
	ck_assert_int_eq(PALLOCD__V1__EVENT_KIND__EVENT_QUOTA, EVENT_QUOTA);
	ck_assert_int_eq(PALLOCD__V1__EVENT_KIND__EVENT_RECLAIM, EVENT_KINDS - 1);
}
END_TEST

static const Pallocd__V1__QuotasReply *quotas(uint32_t region_id)
{
	Pallocd__V1__Quotas m = PALLOCD__V1__QUOTAS__INIT;

	m.region_id = region_id;
	assert_ok(call(&REQUEST(1, QUOTAS, quotas, &m)));
	return f.reply->quotas;
}

START_TEST(quotas_say_limit_and_use)
{
	static const struct {
		const char *name;
		uint64_t limit, used;
	} wanted[] = {
		{"user_pages", 100, 26},   {"user_extents", 50, 3},
		{"session_pages", 40, 16}, {"session_extents", 0, 2},
		{"user_sessions", 7, 2},   {"user_connections", 8, 2},
		{"user_waiting", 9, 4},    {"user_queued_bytes", 1000, 123},
	};
	const Pallocd__V1__QuotasReply *r;
	struct rpc_conn other;
	struct region_view view;
	struct region_refusal rr;

	f.regions.table[0]->quota = (struct region_quota){
		.user_npages = 100, .user_nextents = 50, .session_npages = 40};
	f.regions.limits = (struct user_limits){
		.sessions = 7, .connections = 8, .waiting = 9, .queued_bytes = 1000};
	hello();
	other_open(&other, 1000);
	alloc_n((uint64_t[]){6}, 1, 0);
	conn_swap(&other);
	alloc_n((uint64_t[]){10}, 1, 0);
	conn_swap(&other);
	/* A share counts for each of its holders; here that is the same user, whose it is twice. */
	ck_assert_int_eq(
		region_share(f.regions.table[0], f.main.session, BASE + 6 * 4096, &view, &rr), 0);
	f.main.user->nwaiting = 4;
	f.main.user->queued_bytes = 123;
	r = quotas(1);
	ck_assert_uint_eq(r->n_quotas, 8);
	for (size_t i = 0; i < 8; i++) {
		ck_assert_str_eq(r->quotas[i]->name, wanted[i].name);
		ck_assert_msg(r->quotas[i]->limit == wanted[i].limit, "%s: limit %llu",
			      wanted[i].name, (unsigned long long)r->quotas[i]->limit);
		ck_assert_msg(r->quotas[i]->used == wanted[i].used, "%s: used %llu", wanted[i].name,
			      (unsigned long long)r->quotas[i]->used);
	}
	r = quotas(0);
	ck_assert_uint_eq(r->n_quotas, 4);
	ck_assert_str_eq(r->quotas[0]->name, "user_sessions");
	f.main.user->nwaiting = 0;
	rpc_conn_close(&other, SESSION_CLOSED);
}
END_TEST

START_TEST(why_tells_of_quotas)
{
	Pallocd__V1__Why m = PALLOCD__V1__WHY__INIT;
	const Pallocd__V1__WhyReply *r;

	hello();
	m.region_id = 1;
	m.npages = 10;
	r = call(&REQUEST(1, WHY, why, &m))->why;
	ck_assert(r->fits);
	ck_assert_str_eq(r->quota, "");
	f.regions.table[0]->quota.user_npages = 12;
	f.regions.table[0]->quota.session_npages = 100;
	alloc_n((uint64_t[]){2}, 1, 0);
	r = call(&REQUEST(1, WHY, why, &m))->why;
	ck_assert(r->fits);
	ck_assert_str_eq(r->quota, "user_pages");
	ck_assert_uint_eq(r->quota_npages, 10);
	ck_assert_uint_eq(r->quota_short_npages, 0);
	m.npages = 13;
	r = call(&REQUEST(1, WHY, why, &m))->why;
	ck_assert(!r->fits);
	ck_assert_uint_eq(r->addr, 0);
	ck_assert_uint_eq(r->short_npages, 0);
	ck_assert_uint_eq(r->quota_short_npages, 3);
}
END_TEST

START_TEST(a_quota_refusal_says_limit_used_and_asked)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	struct state before;

	f.regions.table[0]->quota.user_npages = 128;
	hello();
	alloc_n((uint64_t[]){100, 20}, 2, 0);
	before = state_of(1);
	assert_refused(alloc_n((uint64_t[]){8, 8}, 2, _i), PALLOCD_QUOTA, "user_pages");
	ck_assert_str_eq(f.reply->message, "user_pages: 120 of 128 pages are in use, 16 more were "
					   "asked for (region r)");
	ck_assert_uint_eq(f.reply->refusal->limit, 128);
	ck_assert_uint_eq(f.reply->refusal->used, 120);
	ck_assert_uint_eq(f.reply->refusal->asked, 16);
	assert_unchanged(1, &before);
	/* No space: how much the quota would leave is told as well. */
	f.regions.table[0]->quota.user_npages = 1500;
	assert_refused(alloc_n((uint64_t[]){1000}, 1, _i), PALLOCD_NO_SPACE, "npages");
	ck_assert_uint_eq(f.reply->refusal->quota_npages, 1380);
	m.region_id = 1;
	assert_ok(call(&REQUEST(1, STAT, stat, &m)));
	ck_assert_uint_eq(f.reply->stat->region->quota_refusals_total, 1);
	ck_assert_uint_eq(f.reply->stat->daemon->quota_refusals_total, 1);
}
END_TEST

START_TEST(stat_tells_of_owners)
{
	Pallocd__V1__Stat m = PALLOCD__V1__STAT__INIT;
	const Pallocd__V1__DaemonStat *d;
	const Pallocd__V1__RegionStat *r;
	struct rpc_conn other;

	f.regions.table[0]->death = REGION_DEATH_QUARANTINE;
	f.regions.table[0]->quarantine_usec = 60 * UINT64_C(1000000);
	hello();
	other_open(&other, 1001);
	conn_swap(&other);
	alloc_n((uint64_t[]){10}, 1, 0);
	conn_swap(&other);
	rpc_conn_close(&other, SESSION_DIED);
	while (!rpc_work(&f.rpc))
		;
	other_open(&other, 1001);
	other.session->grace_usec = 60 * UINT64_C(1000000);
	rpc_conn_close(&other, SESSION_CLOSED);
	f.rpc.counters.refused = 3;
	f.rpc.counters.cut_off = 4;
	f.rpc.counters.deaths = 5;
	f.main.user->queued_bytes = 66;
	m.region_id = 1;
	assert_ok(call(&REQUEST(1, STAT, stat, &m)));
	d = f.reply->stat->daemon;
	r = f.reply->stat->region;
	ck_assert_uint_eq(d->nsessions, 1);
	ck_assert_uint_eq(d->ngrace, 1);
	ck_assert_uint_eq(d->nending, 1);
	ck_assert_uint_eq(d->queued_bytes, 66);
	ck_assert_uint_eq(d->refused_total, 3);
	ck_assert_uint_eq(d->cut_off_total, 4);
	ck_assert_uint_eq(d->deaths_total, 5);
	ck_assert_uint_eq(r->quarantined_npages, 10);
	ck_assert_uint_eq(r->session_npages, 10);
	ck_assert_uint_eq(r->nshares, 0);
	ck_assert_uint_eq(r->nnamed, 0);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_loop_test(tc, each_verb_needs_its_right, 0, NCASES);
	tcase_add_test(tc, the_table_is_complete);
	tcase_add_loop_test(tc, regions_are_listed_with_rights, 0, 4);
	tcase_add_test(tc, numbers_agree);
	tcase_add_test(tc, quotas_say_limit_and_use);
	tcase_add_test(tc, why_tells_of_quotas);
	tcase_add_loop_test(tc, a_quota_refusal_says_limit_used_and_asked, 0, 2);
	tcase_add_test(tc, stat_tells_of_owners);
}

int main(void)
{
	return run("rights", add_tests);
}
