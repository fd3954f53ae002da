/*
 * owner - who holds extents, and what one owner holds in one region
 *
 * Role:       see owner.h.
 * Uses:       base/
 */
#include "region/owner.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"
#include "region/extents.h"
#include "region/session.h"

#define TABLE_SLOTS_MIN 16u

void owner_init(struct owner *o, bool detached, uid_t uid)
{
	o->detached = detached;
	o->uid = uid;
	list_init(&o->holdings);
}

void holdings_deinit(struct holdings *hs)
{
	for (uint32_t i = 0; i < hs->nslots; i++) {
		if (hs->table[i].holding)
			list_remove(&hs->table[i].holding->in_owner);
		mem_free(hs->table[i].holding);
	}
	mem_free(hs->table);
	*hs = (struct holdings){0};
}

static int table_grow(struct holdings *hs)
{
	uint32_t nslots = hs->nslots ? 2 * hs->nslots : TABLE_SLOTS_MIN;
	struct holding_slot *table;

	if (nslots < hs->nslots)
		return -ENOMEM;
	table = mem_resize(hs->table, nslots, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (uint32_t i = nslots; i-- > hs->nslots;) {
		table[i] = (struct holding_slot){.next_free = hs->free};
		hs->free = i + 1;
	}
	hs->table = table;
	hs->nslots = nslots;
	return 0;
}

struct holding *holding_find(const struct owner *o, const struct region *region)
{
	list_for_each (link, &o->holdings) {
		struct holding *h = list_entry(link, struct holding, in_owner);

		if (h->region == region)
			return h;
	}
	return NULL;
}

struct account *account_find(const struct user *user, const struct region *region)
{
	list_for_each (link, &user->accounts) {
		struct account *a = list_entry(link, struct account, in_user);

		if (a->region == region)
			return a;
	}
	return NULL;
}

static int account_get(struct user *user, struct region *region, struct account **ret_account)
{
	struct account *a = account_find(user, region);

	if (!a) {
		a = mem_zalloc(1, sizeof(*a));
		if (!a)
			return -ENOMEM;
		a->region = region;
		list_push(&user->accounts, &a->in_user);
	}
	*ret_account = a;
	return 0;
}

static int holding_new(struct holdings *hs, struct region *region, struct owner *o,
		       struct holding **ret_holding)
{
	struct account *account;
	struct holding *h;
	int err = account_get(o->user, region, &account);

	if (!err && !hs->free)
		err = table_grow(hs);
	if (err)
		return err;
	h = mem_zalloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->owner = o;
	h->account = account;
	h->region = region;
	h->index = hs->free - 1;
	h->head = EXTENT_NONE;
	list_init(&h->shares);
	list_push(&o->holdings, &h->in_owner);
	hs->free = hs->table[h->index].next_free;
	hs->table[h->index].holding = h;
	*ret_holding = h;
	return 0;
}

int holding_get(struct holdings *hs, struct region *region, struct owner *o,
		struct holding **ret_holding)
{
	struct holding *h = holding_find(o, region);
	int err;

	if (LIKELY(h)) {
		if (o->holdings.next != &h->in_owner) {
			list_remove(&h->in_owner);
			list_push(&o->holdings, &h->in_owner);
		}
		*ret_holding = h;
		return 0;
	}
	/* What a session leaves to its user has a place there from the beginning: then nothing can fail when it ends. */
	if (!o->detached && region->death == REGION_DEATH_KEEP) {
		err = holding_get(hs, region, &o->user->owner, &h);
		if (err)
			return err;
	}
	return holding_new(hs, region, o, ret_holding);
}

void holding_adopt(struct holdings *hs, struct holding *h, struct holding *from)
{
	uint32_t index = h->index;

	assert(h->nextents == 0 && h->head == EXTENT_NONE);
	h->index = from->index;
	h->head = from->head;
	h->nextents = from->nextents;
	h->npages = from->npages;
	from->index = index;
	from->head = EXTENT_NONE;
	from->nextents = 0;
	from->npages = 0;
	hs->table[h->index].holding = h;
	hs->table[from->index].holding = from;
}

void holding_free(struct holdings *hs, struct holding *h)
{
	assert(h->nextents == 0 && h->head == EXTENT_NONE && h->nshares == 0);
	list_remove(&h->in_owner);
	hs->table[h->index] = (struct holding_slot){.next_free = hs->free};
	hs->free = h->index + 1;
	mem_free(h);
}

void holding_lose(struct holding *h)
{
	list_remove(&h->in_owner);
	h->owner = NULL;
}
