/*
 * owners - the calls about sessions, names, holders and quotas
 *
 * Role:       bytes on the wire, results, refusals, replies that make no sense, arguments, words for numbers.
 * Uses:       client/lib, fake daemon, check
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/client/fake.h"
#include "tests/unit/client/run.h"

static struct paclient_call call = PACLIENT_CALL_INIT;

static void expect(int status, int want)
{
	ck_assert_msg(status == want, "wanted %s, got %s: %s", paclient_status_name(want),
		      paclient_status_name(status), call.error.message);
	ck_assert_int_eq(call.error.status, want);
}

/* One call of each kind, by number; the handle may be inert. */
static int call_nth(paclient *c, int n)
{
	struct paclient_extent e = {.size = sizeof(e)};
	struct paclient_freed freed = {.size = sizeof(freed)};
	struct paclient_session_list *sessions;
	struct paclient_quota_list *quotas;
	uint64_t addr = 0x3000, npages = 2, v;
	int status;

	switch (n) {
	case 0:
		status = paclient_sessions(c, 3, &sessions, &call);
		if (!status)
			paclient_sessions_free(sessions);
		return status;
	case 1:
		return paclient_session_kill(c, 300, &v, &call);
	case 2:
		return paclient_lookup(c, 3, "name", &e, &call);
	case 3:
		return paclient_extent_info(c, 3, 0x4000, &e, &call);
	case 4:
		return paclient_annotate(c, 3, 0x3000, "n", NULL, &call);
	case 5:
		return paclient_annotate(c, 3, 0x3000, NULL, "l", &call);
	case 6:
		return paclient_annotate(c, 3, 0x3000, "", "", &call);
	case 7:
		return paclient_share(c, 3, 0x3000, &e, &call);
	case 8:
		return paclient_share_name(c, 3, "n", &e, &call);
	case 9:
		return paclient_release(c, 3, 0x3000, NULL, NULL, &call);
	case 10:
		return paclient_handover(c, 3, 0x3000, 9, &v, &call);
	case 11:
		return paclient_handover_to_user(c, 3, 0x3000, 1000, &v, &call);
	case 12:
		return paclient_handover_to_user(c, 3, 0x3000, 0, NULL, &call);
	case 13:
		return paclient_free_with(c, 3, 1, &addr, &npages, &freed, &call);
	default:
		status = paclient_quotas(c, 3, &quotas, &call);
		if (!status)
			paclient_quotas_free(quotas);
		return status;
	}
}

struct frame {
	const char *name;
	uint8_t nbytes;
	uint8_t bytes[24]; /* without the header; the id is 2, the region 3 */
};

/* Keys of verbs from 16 on have two bytes: number * 8 + 2 as a varint. */
static const struct frame frames[] = {
	{"sessions", 7, {8, 2, 0x9a, 1, 2, 0x10, 3}},
	{"end session", 8, {8, 2, 0xa2, 1, 3, 8, 0xac, 2}},
	{"lookup", 13, {8, 2, 0xaa, 1, 8, 8, 3, 0x1a, 4, 'n', 'a', 'm', 'e'}},
	{"list of one",
	 17,
	 {8, 2, 0xb2, 1, 12, 8, 3, 0x38, 0x80, 0x80, 1, 0x40, 0x81, 0x80, 1, 0x58, 1}},
	{"annotate, name", 15, {8, 2, 0xba, 1, 10, 8, 3, 0x18, 0x80, 0x60, 0x20, 1, 0x2a, 1, 'n'}},
	{"annotate, label", 15, {8, 2, 0xba, 1, 10, 8, 3, 0x18, 0x80, 0x60, 0x30, 1, 0x3a, 1, 'l'}},
	{"annotate, neither", 14, {8, 2, 0xba, 1, 9, 8, 3, 0x18, 0x80, 0x60, 0x20, 1, 0x30, 1}},
	{"share", 10, {8, 2, 0xc2, 1, 5, 8, 3, 0x18, 0x80, 0x60}},
	{"share by name", 10, {8, 2, 0xc2, 1, 5, 8, 3, 0x22, 1, 'n'}},
	{"release", 10, {8, 2, 0xca, 1, 5, 8, 3, 0x18, 0x80, 0x60}},
	{"handover", 12, {8, 2, 0xd2, 1, 7, 8, 3, 0x18, 0x80, 0x60, 0x20, 9}},
	{"handover to a user",
	 15,
	 {8, 2, 0xd2, 1, 10, 8, 3, 0x18, 0x80, 0x60, 0x28, 1, 0x30, 0xe8, 7}},
	{"handover to root", 12, {8, 2, 0xd2, 1, 7, 8, 3, 0x18, 0x80, 0x60, 0x28, 1}},
	{"free", 13, {8, 2, 0x32, 9, 8, 3, 0x1a, 2, 0x80, 0x60, 0x22, 1, 2}},
	{"quotas", 7, {8, 2, 0xda, 1, 2, 8, 3}},
};
#define NCALLS ((int)(sizeof(frames) / sizeof(frames[0])))

START_TEST(byte_for_byte)
{
	static uint8_t raw[FAKE_RAW_BYTES];
	const struct frame *x = &frames[_i];
	struct fake f;
	paclient *c;
	int status;

	fake_start(&f, fake_raw, raw);
	f.nlisted = 10;
	c = fake_open(&f, 1000);
	status = call_nth(c, _i);
	/* The list of sessions goes on; the script does not. */
	ck_assert_msg(!status || (!_i && status == PACLIENT_DISCONNECTED), "%s: %s", x->name,
		      call.error.message);
	ck_assert_msg(raw[0] == x->nbytes, "%s: wanted %u bytes, got %u", x->name, x->nbytes,
		      raw[0]);
	ck_assert_msg(!memcmp(raw + 4, x->bytes, x->nbytes), "%s", x->name);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

static void extent_is(const struct paclient_extent *e, uint64_t addr)
{
	ck_assert_uint_eq(e->size, sizeof(*e));
	ck_assert_uint_eq(e->addr, addr);
	ck_assert_uint_eq(e->npages, 1);
	ck_assert_uint_eq(e->session_id, 7);
	ck_assert_uint_eq(e->uid, 1000);
	ck_assert_uint_eq(e->nholders, 3);
	ck_assert(e->quarantined);
	ck_assert_str_eq(e->name, "name");
	ck_assert_str_eq(e->label, "label");
}

START_TEST(extents_are_looked_up)
{
	struct paclient_extent e = {.size = sizeof(e)};
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	f.nlisted = 10;
	c = fake_open(&f, 1000);
	expect(paclient_lookup(c, 3, "name", &e, &call), 0);
	extent_is(&e, 0x4000);
	e.addr = 77;
	expect(paclient_lookup(c, 3, "other", &e, &call), PACLIENT_NOT_FOUND);
	ck_assert_str_eq(call.error.field, "name");
	ck_assert_uint_eq(e.addr, 77);
	expect(paclient_extent_info(c, 3, 0x6000, &e, &call), 0);
	extent_is(&e, 0x6000);
	/* Between two; inside of one; behind all; at the end of the world. */
	expect(paclient_extent_info(c, 3, 0x5000, &e, &call), PACLIENT_NOT_FOUND);
	ck_assert_str_eq(call.error.message, "no extent begins at 0x5000");
	expect(paclient_extent_info(c, 3, 0x6001, &e, &call), PACLIENT_NOT_FOUND);
	expect(paclient_extent_info(c, 3, 0x14000, &e, &call), PACLIENT_NOT_FOUND);
	expect(paclient_extent_info(c, 3, UINT64_MAX, &e, &call), PACLIENT_NOT_FOUND);
	extent_is(&e, 0x6000);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(holders_come_and_go)
{
	struct paclient_extent e = {.size = sizeof(e)};
	uint32_t nholders = 0;
	uint64_t npages = 0;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_share(c, 3, 0x9000, &e, &call), 0);
	extent_is(&e, 0x9000);
	expect(paclient_share(c, 3, 0x9000, NULL, &call), 0);
	expect(paclient_share_name(c, 3, "name", &e, &call), 0);
	extent_is(&e, 0x4000);
	expect(paclient_share(c, 3, 0x404000, &e, &call), PACLIENT_DENIED);
	ck_assert_str_eq(call.error.field, "attach-ro");
	expect(paclient_share(c, 3, 0x405000, &e, &call), PACLIENT_QUOTA);
	ck_assert_str_eq(call.error.field, "user_pages");
	ck_assert_uint_eq(call.error.limit, 100);
	ck_assert_uint_eq(call.error.used, 98);
	ck_assert_uint_eq(call.error.asked, 3);
	extent_is(&e, 0x4000);
	expect(paclient_release(c, 3, 0x9000, &npages, &nholders, &call), 0);
	ck_assert_uint_eq(npages, 9);
	ck_assert_uint_eq(nholders, 2);
	expect(paclient_handover(c, 3, 0x9000, 55, &npages, &call), 0);
	ck_assert_uint_eq(npages, 55);
	expect(paclient_handover(c, 3, 0x9000, 55, NULL, &call), 0);
	expect(paclient_handover(c, 3, 0x404000, 55, NULL, &call), PACLIENT_SHARED);
	expect(paclient_handover_to_user(c, 3, 0x9000, 1001, &npages, &call), 0);
	ck_assert_uint_eq(npages, 1001);
	expect(paclient_annotate(c, 3, 0x9000, "taken", NULL, &call), PACLIENT_NAME_TAKEN);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(free_says_what_is_shared)
{
	uint64_t addrs[2] = {0x1000, 0x3000}, npages[2] = {4, 5};
	struct paclient_freed freed = {.size = sizeof(freed)};
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_free_with(c, 3, 2, addrs, npages, &freed, &call), 0);
	ck_assert_uint_eq(freed.npages, 9);
	ck_assert_uint_eq(freed.shared_npages, 1);
	/* An older program's. */
	freed = (struct paclient_freed){16, 0, 77};
	expect(paclient_free_with(c, 3, 2, addrs, npages, &freed, &call), 0);
	ck_assert_uint_eq(freed.npages, 9);
	ck_assert_uint_eq(freed.shared_npages, 77);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(sessions_and_quotas_are_listed)
{
	struct paclient_session_list *sessions;
	struct paclient_quota_list *quotas;
	struct paclient_session *s;
	uint64_t n = 0;
	struct fake f;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_sessions(c, 3, &sessions, &call), 0);
	ck_assert_uint_eq(sessions->nsessions, 5);
	for (uint64_t i = 0; i < 5; i++) {
		ck_assert_uint_eq(sessions->sessions[i]->id, i + 1);
		ck_assert_int_eq(sessions->sessions[i]->state, (int)i);
	}
	s = sessions->sessions[4];
	ck_assert_str_eq(paclient_session_state_name(s->state), "unknown");
	ck_assert_uint_eq(s->size, sizeof(*s));
	ck_assert(s->uid == 1000 && s->pid == 2005);
	ck_assert_str_eq(s->client_name, "client");
	ck_assert_str_eq(s->command, "command");
	ck_assert(s->age_usec == 10 && s->nextents == 14 && s->npages == 12);
	ck_assert(s->held_bytes == 13 && s->queued_bytes == 14 && s->grace_ms == 15);
	ck_assert(s->remaining_ms == 16 && s->nshares == 17);
	paclient_sessions_free(sessions);
	paclient_sessions_free(NULL);
	expect(paclient_session_kill(c, 2, &n, &call), 0);
	ck_assert_uint_eq(n, 42);
	expect(paclient_session_kill(c, 2, NULL, &call), 0);
	expect(paclient_session_kill(c, 404, &n, &call), PACLIENT_NO_SESSION);
	expect(paclient_quotas(c, 3, &quotas, &call), 0);
	ck_assert_uint_eq(quotas->nquotas, 2);
	ck_assert_uint_eq(quotas->quotas[0]->size, sizeof(struct paclient_quota));
	ck_assert_str_eq(quotas->quotas[0]->name, "user_sessions");
	ck_assert(quotas->quotas[0]->limit == 10 && quotas->quotas[0]->used == 3);
	ck_assert_str_eq(quotas->quotas[1]->name, "a quota whose name is longer th");
	paclient_quotas_free(quotas);
	expect(paclient_quotas(c, 99, &quotas, &call), 0);
	ck_assert_uint_eq(quotas->nquotas, 0);
	paclient_quotas_free(quotas);
	paclient_quotas_free(NULL);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(new_fields_arrive)
{
	struct paclient_daemon_stat ds = {.size = sizeof(ds)};
	struct paclient_region_stat rs = {.size = sizeof(rs)};
	struct paclient_region r = {.size = sizeof(r)};
	struct paclient_why why = {.size = sizeof(why)};
	struct fake f;
	uint64_t addr;
	paclient *c;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	expect(paclient_stat_daemon(c, &ds, &call), 0);
	ck_assert(ds.ngrace == 12 && ds.nending == 13 && ds.nwatchers == 14 && ds.nwaiting == 15);
	ck_assert(ds.queued_bytes == 16 && ds.refused_total == 17 && ds.cut_off_total == 18);
	ck_assert(ds.deaths_total == 19 && ds.quota_refusals_total == 20);
	ck_assert(ds.events_lost_total == 21);
	ck_assert(ds.repeated_total == 22 && ds.process_commits_total == 23);
	ck_assert(ds.process_failures_total == 24 && ds.process_bytes == 25);
	ck_assert(ds.machine_commits_total == 26 && ds.machine_failures_total == 27);
	ck_assert(ds.machine_bytes == 28);
	ck_assert(ds.pid == 30 && ds.connections_max == 31 && ds.connections_wanted == 32);
	ck_assert(ds.descriptors_max == 33 && ds.locked_bytes_max == 34 && ds.nleft_out == 35);
	ck_assert(ds.kept_back_total == 36 && ds.cpu_usec_total == 37);
	ck_assert_str_eq(ds.store_failure, "no space left");
	expect(paclient_stat_region(c, 3, &rs, &call), 0);
	ck_assert(rs.nshares == 22 && rs.nnamed == 23 && rs.quarantined_npages == 24);
	ck_assert(rs.nwaiting == 25 && rs.quota_refusals_total == 26);
	ck_assert(rs.resident_bytes == 27 && rs.busy_npages == 28);
	ck_assert(rs.released_npages_total == 29 && rs.cleared_npages_total == 30);
	ck_assert(rs.no_memory_total == 31 && rs.retained_npages == 33);
	ck_assert(rs.durability == PACLIENT_DURABILITY_MACHINE && rs.generation == 35);
	ck_assert_str_eq(rs.store_failure, "read-only");
	ck_assert_int_eq(rs.scavenger, PACLIENT_SCAVENGER_RESTING);
	expect(paclient_region_info(c, 2, &r, &call), 0);
	ck_assert_uint_eq(r.rights, PACLIENT_RIGHT_ALLOC | PACLIENT_RIGHT_ADMIN | 1 << 6);
	ck_assert_int_eq(r.death, PACLIENT_DEATH_KEEP);
	ck_assert(r.quarantine_ms == 1500 && r.low_npages == 13);
	ck_assert(r.backing == PACLIENT_BACKING_HUGETLB && r.backing_page_bytes == 2 << 20);
	ck_assert(r.commit == PACLIENT_COMMIT_NOW && r.sanitize && r.releases);
	ck_assert(r.durability == PACLIENT_DURABILITY_MACHINE && r.generation == 3);
	expect(paclient_region_info(c, 7, &r, &call), 0);
	ck_assert_str_eq(paclient_death_name(r.death), "unknown");
	expect(paclient_why(c, 3, 2000, NULL, &why, &call), 0);
	ck_assert(why.quota_npages == 80 && why.quota_short_npages == 90);
	ck_assert_str_eq(why.quota, "user_pages");
	expect(paclient_alloc(c, 3, 2000, 0, &addr, &call), PACLIENT_NO_SPACE);
	ck_assert_uint_eq(call.error.quota_npages, 80);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(impossible_arguments)
{
	struct paclient_extent e = {.size = sizeof(e)}, no_size = {0};
	struct paclient_freed freed = {0};
	char name[PACLIENT_NAME_BYTES + 1];
	uint64_t addr = 0x1000, npages = 1;
	struct fake f;
	paclient *c;

	memset(name, 'n', sizeof(name));
	name[PACLIENT_NAME_BYTES] = '\0';
	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	for (int i = 0; i < NCALLS; i++) {
		expect(call_nth(NULL, i), PACLIENT_BAD_ARGUMENT);
		ck_assert_str_eq(call.error.field, "client");
	}
	expect(paclient_lookup(c, 3, NULL, &e, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_lookup(c, 3, name, &e, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "name");
	expect(paclient_lookup(c, 3, "name", &no_size, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_extent");
	expect(paclient_share(c, 3, 0x1000, &no_size, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_share_name(c, 3, "name", NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_extent");
	expect(paclient_share_name(c, 3, "", &e, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_extent_info(c, 3, 0, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_sessions(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_quotas(c, 3, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_list");
	expect(paclient_session_kill(c, 0, NULL, &call), PACLIENT_BAD_ARGUMENT);
	expect(paclient_handover(c, 3, 0x1000, 0, NULL, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "session_id");
	expect(paclient_free_with(c, 3, 1, &addr, &npages, &freed, &call), PACLIENT_BAD_ARGUMENT);
	ck_assert_str_eq(call.error.field, "ret_freed");
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Replies that make no sense. */
struct bad {
	const char *name;
	int nth; /* call */
	uint32_t result;
	void *message; /* with which result */
};

static Pallocd__V1__Extent empty = PALLOCD__V1__EXTENT__INIT;
static Pallocd__V1__LookupReply no_lookup = PALLOCD__V1__LOOKUP_REPLY__INIT;
static Pallocd__V1__LookupReply empty_lookup = PALLOCD__V1__LOOKUP_REPLY__INIT;
static Pallocd__V1__ShareReply no_share = PALLOCD__V1__SHARE_REPLY__INIT;
static Pallocd__V1__SessionsReply no_sessions = PALLOCD__V1__SESSIONS_REPLY__INIT;
static Pallocd__V1__SessionsReply twice = PALLOCD__V1__SESSIONS_REPLY__INIT;
static Pallocd__V1__Session session = PALLOCD__V1__SESSION__INIT;
static Pallocd__V1__Session *two[2] = {&session, &session};

#define LOOKUP PALLOCD__V1__REPLY__RESULT_LOOKUP
#define SHARE PALLOCD__V1__REPLY__RESULT_SHARE
#define SESSIONS PALLOCD__V1__REPLY__RESULT_SESSIONS

/* The last ones: something else than was asked for, by every call. */
static const struct bad bad[] = {
	{"a lookup without extent", 2, LOOKUP, &no_lookup},
	{"a lookup of no pages", 2, LOOKUP, &empty_lookup},
	{"a share without extent", 7, SHARE, &no_share},
	{"a share by name without extent", 8, SHARE, &no_share},
	{"more sessions, but none", 0, SESSIONS, &no_sessions},
	{"a session twice", 0, SESSIONS, &twice},
};
#define NBAD ((int)(sizeof(bad) / sizeof(bad[0])))

static void serve_bad(struct fake *f, int fd)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__HelloReply hello = PALLOCD__V1__HELLO_REPLY__INIT;
	const struct bad *b = f->arg;

	fake_hello(fd);
	pallocd__v1__request__free_unpacked(fake_read(fd), NULL);
	reply.id = 2;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_HELLO;
	reply.hello = &hello;
	if (b) {
		/* The members of the union are pointers, all of them. */
		reply.result_case = (Pallocd__V1__Reply__ResultCase)b->result;
		reply.lookup = b->message;
	}
	fake_send(fd, &reply);
	fake_serve(f, fd);
}

START_TEST(bad_replies)
{
	const struct bad *b = _i < NBAD ? &bad[_i] : NULL;
	int nth = b ? b->nth : _i - NBAD, status;
	struct fake f;
	paclient *c;

	empty_lookup.extent = &empty;
	no_sessions.more = true;
	session.id = 1;
	twice.sessions = two;
	twice.n_sessions = 2;
	fake_start(&f, serve_bad, (void *)(uintptr_t)b);
	c = fake_open(&f, 1000);
	status = call_nth(c, nth);
	ck_assert_msg(status == PACLIENT_PROTOCOL, "%s of call %d: got %s: %s",
		      b ? b->name : "hello", nth, paclient_status_name(status), call.error.message);
	expect(call_nth(c, 9), PACLIENT_PROTOCOL);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

static void serve_nothing(struct fake *f, int fd)
{
	fake_hello(fd);
	for (Pallocd__V1__Request *q; (q = fake_read(fd));)
		pallocd__v1__request__free_unpacked(q, NULL);
	(void)f;
}

START_TEST(times_out)
{
	struct fake f;
	paclient *c;

	fake_start(&f, serve_nothing, NULL);
	c = fake_open(&f, 20);
	for (int i = 0; i < NCALLS; i++)
		expect(call_nth(c, i), PACLIENT_TIMED_OUT);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

START_TEST(child_is_inert)
{
	int status = 0;
	struct fake f;
	paclient *c;
	pid_t pid;

	fake_start(&f, fake_serve, NULL);
	c = fake_open(&f, 1000);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < NCALLS; i++) {
			if (call_nth(c, i) != PACLIENT_BAD_ARGUMENT)
				_exit(1);
		}
		paclient_leave(c);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	expect(call_nth(c, 2), 0);
	paclient_close(c);
	fake_stop(&f);
}
END_TEST

/* Known numbers have words of their own; beyond them there is one word. */
START_TEST(numbers_have_words)
{
	for (int i = 0; i < 6; i++)
		ck_assert_str_ne(paclient_right_name(1u << i), "unknown");
	ck_assert_str_eq(paclient_right_name(1u << 6), "unknown");
	ck_assert_str_eq(paclient_right_name(3), "unknown");
	for (int i = 0; i <= PACLIENT_EVENT_RECLAIM; i++) {
		ck_assert_str_ne(paclient_event_name(i), "unknown");
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(paclient_event_name(i), paclient_event_name(k));
	}
	ck_assert_str_eq(paclient_event_name(PACLIENT_EVENT_RECLAIM + 1), "unknown");
	ck_assert_str_eq(paclient_event_name(-1), "unknown");
	for (int i = 0; i <= PACLIENT_CAUSE_GRACE; i++)
		ck_assert_str_ne(paclient_cause_name(i), "unknown");
	ck_assert_str_eq(paclient_cause_name(PACLIENT_CAUSE_GRACE + 1), "unknown");
	for (int i = 0; i <= PACLIENT_SESSION_QUARANTINED; i++)
		ck_assert_str_ne(paclient_session_state_name(i), "unknown");
	for (int i = 0; i <= PACLIENT_DEATH_KEEP; i++)
		ck_assert_str_ne(paclient_death_name(i), "unknown");
}
END_TEST

/* The same numbers as on the wire. */
START_TEST(enums_equal_the_wire)
{
	ck_assert_int_eq(PACLIENT_RIGHT_ADMIN, 1 << (PALLOCD__V1__RIGHT__RIGHT_ADMIN - 1));
	ck_assert_int_eq(PACLIENT_RIGHT_FREE_ANY, 1 << (PALLOCD__V1__RIGHT__RIGHT_FREE_ANY - 1));
	ck_assert_int_eq(PACLIENT_DEATH_KEEP, PALLOCD__V1__DEATH_POLICY__DEATH_KEEP);
	ck_assert_int_eq(PACLIENT_SESSION_QUARANTINED,
			 PALLOCD__V1__SESSION_STATE__SESSION_QUARANTINED);
	ck_assert_int_eq(PACLIENT_EVENT_SPACE_LOW, PALLOCD__V1__EVENT_KIND__EVENT_SPACE_LOW);
	ck_assert_int_eq(PACLIENT_EVENT_RECLAIM, PALLOCD__V1__EVENT_KIND__EVENT_RECLAIM);
	ck_assert_int_eq(PACLIENT_CAUSE_GRACE, PALLOCD__V1__END_CAUSE__END_GRACE);
	ck_assert_int_eq(PACLIENT_FEATURE_SPACE, PALLOCD__V1__FEATURE__FEATURE_SPACE);
	ck_assert_int_eq(PACLIENT_FEATURE_WAIT, PALLOCD__V1__FEATURE__FEATURE_WAIT);
	ck_assert_uint_eq(PACLIENT_TOKEN_BYTES, PALLOCD_TOKEN_BYTES);
	ck_assert_uint_eq(PACLIENT_LABEL_BYTES, PALLOCD_LABEL_BYTES_MAX + 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("client_owners");
	TCase *bytes = tcase_create("byte_for_byte"), *replies = tcase_create("bad_replies");

	tcase_add_loop_test(bytes, byte_for_byte, 0, NCALLS);
	suite_add_tcase(s, bytes);
	run_add(s, "extents_are_looked_up", extents_are_looked_up);
	run_add(s, "holders_come_and_go", holders_come_and_go);
	run_add(s, "free_says_what_is_shared", free_says_what_is_shared);
	run_add(s, "sessions_and_quotas_are_listed", sessions_and_quotas_are_listed);
	run_add(s, "new_fields_arrive", new_fields_arrive);
	run_add(s, "impossible_arguments", impossible_arguments);
	tcase_add_loop_test(replies, bad_replies, 0, NBAD + NCALLS);
	suite_add_tcase(s, replies);
	run_add(s, "times_out", times_out);
	run_add(s, "child_is_inert", child_is_inert);
	run_add(s, "numbers_have_words", numbers_have_words);
	run_add(s, "enums_equal_the_wire", enums_equal_the_wire);
	return suite_run(s);
}
