/*
 * fake_owners - what the fake daemon says to verbs about sessions, names, holders and quotas
 *
 * Role:       replies made up from the request, so that a test can tell that both have arrived as they were.
 * Uses:       fake.h
 */
#include "tests/unit/client/fake.h"

#include <stdio.h>
#include <string.h>

#define PAGE UINT64_C(4096)

static size_t refuse(Pallocd__V1__Reply *reply, Pallocd__V1__Status status, const char *field,
		     uint8_t *to)
{
	Pallocd__V1__Refusal refusal = PALLOCD__V1__REFUSAL__INIT;

	refusal.field = (char *)field;
	refusal.limit = 100;
	refusal.used = 98;
	refusal.asked = 3;
	reply->status = status;
	reply->refusal = &refusal;
	return fake_frame(reply, to);
}

/* Sessions 1 to 5, two a reply. The state of the last one is newer than the library. */
static size_t answer_sessions(Pallocd__V1__Reply *reply, const Pallocd__V1__Sessions *q,
			      uint8_t *to)
{
	Pallocd__V1__SessionsReply r = PALLOCD__V1__SESSIONS_REPLY__INIT;
	Pallocd__V1__Session sessions[2], *pointers[2] = {&sessions[0], &sessions[1]};

	for (uint64_t id = q->after + 1; id <= 5 && r.n_sessions < 2; id++) {
		Pallocd__V1__Session *s = &sessions[r.n_sessions++];

		pallocd__v1__session__init(s);
		s->id = id;
		s->uid = 1000;
		s->pid = 2000 + (uint32_t)id;
		s->client = (char *)"client";
		s->command = (char *)"command";
		s->state = (Pallocd__V1__SessionState)(id - 1);
		s->age_usec = 10;
		s->nextents = 11 + q->region_id;
		s->npages = 12;
		s->held_bytes = 13;
		s->queued_bytes = 14;
		s->grace_msec = 15;
		s->remaining_msec = 16;
		s->nshares = 17;
		r.more = id < 5;
	}
	r.sessions = pointers;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_SESSIONS;
	reply->sessions = &r;
	return fake_frame(reply, to);
}

static size_t answer_end(Pallocd__V1__Reply *reply, const Pallocd__V1__EndSession *q, uint8_t *to)
{
	Pallocd__V1__EndSessionReply r = PALLOCD__V1__END_SESSION_REPLY__INIT;

	if (q->session == 404)
		return refuse(reply, PALLOCD__V1__STATUS__NO_SESSION, "session", to);
	r.nextents = q->session + 40;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_END_SESSION;
	reply->end_session = &r;
	return fake_frame(reply, to);
}

static void extent_fill(Pallocd__V1__Extent *e, uint64_t addr)
{
	pallocd__v1__extent__init(e);
	e->addr = addr;
	e->npages = 1;
	e->session = 7;
	e->uid = 1000;
	e->name = (char *)"name";
	e->label = (char *)"label";
	e->nholders = 3;
	e->quarantined = true;
}

static size_t answer_lookup(Pallocd__V1__Reply *reply, const Pallocd__V1__Lookup *q, uint8_t *to)
{
	Pallocd__V1__LookupReply r = PALLOCD__V1__LOOKUP_REPLY__INIT;
	Pallocd__V1__Extent e;

	if (strcmp(q->name, "name") != 0)
		return refuse(reply, PALLOCD__V1__STATUS__NOT_FOUND, "name", to);
	extent_fill(&e, 0x4000);
	r.extent = &e;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_LOOKUP;
	reply->lookup = &r;
	return fake_frame(reply, to);
}

/* Where a request begins between two extents the reply is empty and says more, as that of a slice is. */
static size_t answer_list(const struct fake *f, Pallocd__V1__Reply *reply,
			  const Pallocd__V1__List *q, uint8_t *to)
{
	static _Thread_local Pallocd__V1__Extent extents[PALLOCD_LIST_EXTENTS_MAX];
	static _Thread_local Pallocd__V1__Extent *pointers[PALLOCD_LIST_EXTENTS_MAX];
	Pallocd__V1__ListReply r = PALLOCD__V1__LIST_REPLY__INIT;
	uint64_t limit = q->limit_addr ? q->limit_addr : UINT64_MAX;
	uint64_t i = q->lowest_addr / (2 * PAGE) + (q->lowest_addr % (2 * PAGE) != 0);
	size_t max = q->max_extents ? q->max_extents : PALLOCD_LIST_EXTENTS_MAX;

	if (q->lowest_addr % (2 * PAGE))
		max = 0;
	for (; i < f->nlisted && i * 2 * PAGE < limit && r.n_extents < max; i++) {
		pointers[r.n_extents] = &extents[r.n_extents];
		extent_fill(&extents[r.n_extents++], i * 2 * PAGE);
	}
	r.more = i < f->nlisted && i * 2 * PAGE < limit;
	r.next_addr = r.n_extents ? (i * 2 - 1) * PAGE : i * 2 * PAGE;
	r.extents = pointers;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_LIST;
	reply->list = &r;
	return fake_frame(reply, to);
}

static size_t answer_annotate(Pallocd__V1__Reply *reply, const Pallocd__V1__Annotate *q,
			      uint8_t *to)
{
	Pallocd__V1__AnnotateReply r = PALLOCD__V1__ANNOTATE_REPLY__INIT;

	if (q->set_name && strcmp(q->name, "taken") == 0)
		return refuse(reply, PALLOCD__V1__STATUS__NAME_TAKEN, "name", to);
	reply->result_case = PALLOCD__V1__REPLY__RESULT_ANNOTATE;
	reply->annotate = &r;
	return fake_frame(reply, to);
}

static size_t answer_share(Pallocd__V1__Reply *reply, const Pallocd__V1__Share *q, uint8_t *to)
{
	Pallocd__V1__ShareReply r = PALLOCD__V1__SHARE_REPLY__INIT;
	Pallocd__V1__Extent e;

	if (q->addr == 0x404000)
		return refuse(reply, PALLOCD__V1__STATUS__DENIED, "attach-ro", to);
	if (q->addr == 0x405000)
		return refuse(reply, PALLOCD__V1__STATUS__QUOTA, "user_pages", to);
	extent_fill(&e, q->name[0] ? 0x4000 : q->addr);
	r.extent = &e;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_SHARE;
	reply->share = &r;
	return fake_frame(reply, to);
}

static size_t answer_release(Pallocd__V1__Reply *reply, const Pallocd__V1__Release *q, uint8_t *to)
{
	Pallocd__V1__ReleaseReply r = PALLOCD__V1__RELEASE_REPLY__INIT;

	r.npages = q->addr / PAGE;
	r.nholders = 2;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_RELEASE;
	reply->release = &r;
	return fake_frame(reply, to);
}

static size_t answer_handover(Pallocd__V1__Reply *reply, const Pallocd__V1__Handover *q,
			      uint8_t *to)
{
	Pallocd__V1__HandoverReply r = PALLOCD__V1__HANDOVER_REPLY__INIT;

	if (q->addr == 0x404000)
		return refuse(reply, PALLOCD__V1__STATUS__SHARED, "addr", to);
	r.npages = q->to_user ? q->uid : q->session;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_HANDOVER;
	reply->handover = &r;
	return fake_frame(reply, to);
}

static size_t answer_quotas(Pallocd__V1__Reply *reply, const Pallocd__V1__Quotas *q, uint8_t *to)
{
	Pallocd__V1__QuotasReply r = PALLOCD__V1__QUOTAS_REPLY__INIT;
	Pallocd__V1__Quota quotas[2], *pointers[2] = {&quotas[0], &quotas[1]};

	for (int i = 0; i < 2; i++)
		pallocd__v1__quota__init(&quotas[i]);
	quotas[0].name = (char *)"user_sessions";
	quotas[0].limit = 10;
	quotas[0].used = q->region_id;
	quotas[1].name = (char *)"a quota whose name is longer than there is room for";
	r.quotas = pointers;
	r.n_quotas = q->region_id == 99 ? 0 : 2;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_QUOTAS;
	reply->quotas = &r;
	return fake_frame(reply, to);
}

static size_t answer_watch(Pallocd__V1__Reply *reply, uint8_t *to)
{
	Pallocd__V1__WatchReply r = PALLOCD__V1__WATCH_REPLY__INIT;

	reply->result_case = PALLOCD__V1__REPLY__RESULT_WATCH;
	reply->watch = &r;
	return fake_frame(reply, to);
}

/* As many findings as the region's number; of region 98 one more than are told, of 99 none of those that there are. */
static size_t answer_check(Pallocd__V1__Reply *reply, const Pallocd__V1__Check *q, uint8_t *to)
{
	static char *findings[98];
	Pallocd__V1__CheckReply r = PALLOCD__V1__CHECK_REPLY__INIT;

	for (uint32_t i = 0; i < 98; i++)
		findings[i] = (char *)(i % 2 ? "a longer finding" : "one");
	r.nfindings = q->region_id == 98 ? 4 : q->region_id == 99 ? 1 : q->region_id;
	r.findings = findings;
	r.n_findings = q->region_id == 98 ? 3 : q->region_id == 99 ? 0 : q->region_id;
	r.nregions = 5;
	r.store_compared = q->region_id != 3;
	r.sees_sessions = q->region_id == 3;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_CHECK;
	reply->check = &r;
	return fake_frame(reply, to);
}

void fake_users(const Pallocd__V1__Stat *q, Pallocd__V1__StatReply *to)
{
	static Pallocd__V1__UserStat users[3];
	static Pallocd__V1__UserStat *first[] = {&users[0], &users[1]}, *last[] = {&users[2]},
				     *wrong[] = {&users[1], &users[0]};
	const uint32_t uids[] = {3, 1000, UINT32_MAX - 1};

	if (!q->users)
		return;
	for (size_t i = 0; i < 3; i++) {
		pallocd__v1__user_stat__init(&users[i]);
		users[i].uid = uids[i];
		users[i].nsessions = 2;
		users[i].nconnections = 3;
		users[i].nwaiting = 4;
		users[i].queued_bytes = 5;
		users[i].npages = q->region_id ? 6 : 0;
		users[i].nextents = q->region_id ? 7 : 0;
	}
	to->more_users = q->from_uid <= 1000;
	if (q->region_id == 97)
		return;
	to->users = q->region_id == 98 ? wrong : to->more_users ? first : last;
	to->n_users = to->more_users ? 2 : 1;
}

size_t fake_answer_owners(struct fake *f, Pallocd__V1__Reply *reply, const Pallocd__V1__Request *q,
			  uint8_t *to)
{
	switch (q->verb_case) {
	case PALLOCD__V1__REQUEST__VERB_SESSIONS:
		return answer_sessions(reply, q->sessions, to);
	case PALLOCD__V1__REQUEST__VERB_END_SESSION:
		return answer_end(reply, q->end_session, to);
	case PALLOCD__V1__REQUEST__VERB_LOOKUP:
		return answer_lookup(reply, q->lookup, to);
	case PALLOCD__V1__REQUEST__VERB_LIST:
		return answer_list(f, reply, q->list, to);
	case PALLOCD__V1__REQUEST__VERB_ANNOTATE:
		return answer_annotate(reply, q->annotate, to);
	case PALLOCD__V1__REQUEST__VERB_SHARE:
		return answer_share(reply, q->share, to);
	case PALLOCD__V1__REQUEST__VERB_RELEASE:
		return answer_release(reply, q->release, to);
	case PALLOCD__V1__REQUEST__VERB_HANDOVER:
		return answer_handover(reply, q->handover, to);
	case PALLOCD__V1__REQUEST__VERB_QUOTAS:
		return answer_quotas(reply, q->quotas, to);
	case PALLOCD__V1__REQUEST__VERB_CHECK:
		return answer_check(reply, q->check, to);
	case PALLOCD__V1__REQUEST__VERB_WATCH:
		return answer_watch(reply, to);
	default:
		reply->status = PALLOCD__V1__STATUS__UNKNOWN_VERB;
		return fake_frame(reply, to);
	}
}
