/*
 * region_quota - what one user, and one session, may hold in a region
 *
 * Role:       says which quota refuses, and how much the quotas leave. Whether they refuse at all is region_quota_check()'s.
 * Uses:       region/
 */
#include "region/region.h"
#include "region/region_private.h"
#include "region/session.h"

/* One quota, as it stands for one holder. */
struct quota {
	const char *name;
	uint64_t limit; /* 0: none */
	uint64_t used;
	uint64_t asked;
};

static int refuse(struct region *r, const struct holding *h, const struct quota *q,
		  struct region_refusal *refusal)
{
	const struct owner *o = h->owner;
	struct event e = {.kind = EVENT_QUOTA,
			  .region_id = r->id,
			  .uid = o->uid,
			  .text = q->name,
			  .limit = q->limit,
			  .used = q->used,
			  .asked = q->asked};

	if (!o->detached) {
		e.session = CONTAINER_OF(o, struct session, owner)->id;
		e.pid = (uint32_t)CONTAINER_OF(o, struct session, owner)->pid;
	}
	events_emit(r->events, &e);
	r->counters.quota++;
	refusal->field = q->name;
	refusal->limit = q->limit;
	refusal->used = q->used;
	refusal->asked = q->asked;
	return REGION_E_QUOTA;
}

int quota_refuse(struct region *r, const struct holding *h, uint64_t npages, uint64_t nextents,
		 struct region_refusal *refusal)
{
	const struct account *a = h->account;
	bool session = !h->owner->detached;
	const struct quota quotas[] = {
		{"user_pages", r->quota.user_npages, a->npages, npages},
		{"session_pages", session ? r->quota.session_npages : 0,
		 h->npages + h->shared_npages, npages},
		{"user_extents", r->quota.user_nextents, a->nextents, nextents},
		{"session_extents", session ? r->quota.session_nextents : 0,
		 (uint64_t)h->nextents + h->nshares, nextents},
	};
	size_t i = 0;

	/* The caller has seen that there is one. */
	while (i + 1 < ARRAY_SIZE(quotas) &&
	       quota_allows(quotas[i].limit, quotas[i].used, quotas[i].asked))
		i++;
	return refuse(r, h, &quotas[i], refusal);
}

/* What @q leaves, where that is less than *@left. */
static void left_by(const struct quota *q, uint64_t *left, const char **name)
{
	uint64_t n = q->limit > q->used ? q->limit - q->used : 0;

	if (q->limit == 0 || n >= *left)
		return;
	*left = n;
	*name = q->name;
}

uint64_t region_quota_left(const struct region *r, const struct owner *o, const char **ret_name)
{
	const struct account *a = account_find(o->user, r);
	const struct holding *h = holding_find(o, r);
	uint64_t left = UINT64_MAX;

	*ret_name = "";
	left_by(&(struct quota){"user_pages", r->quota.user_npages, a ? a->npages : 0, 0}, &left,
		ret_name);
	if (!o->detached)
		left_by(&(struct quota){"session_pages", r->quota.session_npages,
					h ? h->npages + h->shared_npages : 0, 0},
			&left, ret_name);
	return left;
}
