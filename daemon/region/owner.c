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

int holding_get(struct holdings *hs, struct region *region, struct owner *o,
		struct holding **ret_holding)
{
	struct holding *h;
	int err;

	list_for_each (link, &o->holdings) {
		h = list_entry(link, struct holding, in_owner);
		if (h->region != region)
			continue;
		if (o->holdings.next != link) {
			list_remove(link);
			list_push(&o->holdings, link);
		}
		*ret_holding = h;
		return 0;
	}
	if (!hs->free) {
		err = table_grow(hs);
		if (err)
			return err;
	}
	h = mem_zalloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->owner = o;
	h->region = region;
	h->index = hs->free - 1;
	h->head = EXTENT_NONE;
	list_push(&o->holdings, &h->in_owner);
	hs->free = hs->table[h->index].next_free;
	hs->table[h->index].holding = h;
	*ret_holding = h;
	return 0;
}

void holding_free(struct holdings *hs, struct holding *h)
{
	assert(h->nextents == 0 && h->head == EXTENT_NONE);
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
