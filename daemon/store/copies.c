/*
 * copies - which sessions lie in the machine's environment, and which batch wrote them last
 *
 * Role:       see copies.h.
 * Uses:       base/
 */
#include "store/copies.h"

#include <errno.h>

#include "base/mem.h"

/* Ids are the daemon's own and ascend: no client chooses where they lie. */
static uint32_t slot_of(const struct copies *c, uint64_t id)
{
	return (uint32_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (c->size - 1);
}

static struct copy *slot_find(const struct copies *c, uint64_t id)
{
	uint32_t i = slot_of(c, id);

	while (c->slots[i].id && c->slots[i].id != id)
		i = (i + 1) & (c->size - 1);
	return &c->slots[i];
}

static int copies_widen(struct copies *c)
{
	struct copies wide = {.n = c->n, .size = c->size ? 2 * c->size : 16};

	wide.slots = wide.size ? mem_zalloc(wide.size, sizeof(*wide.slots)) : NULL;
	if (!wide.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->size; i++) {
		if (c->slots[i].id)
			*slot_find(&wide, c->slots[i].id) = c->slots[i];
	}
	mem_free(c->slots);
	*c = wide;
	return 0;
}

int copies_put(struct copies *c, uint64_t id, uint64_t batch)
{
	struct copy *slot;

	if (2 * (c->n + 1) > c->size && copies_widen(c))
		return -ENOMEM;
	slot = slot_find(c, id);
	c->n += !slot->id;
	*slot = (struct copy){.id = id, .batch = batch};
	return 0;
}

struct copy *copies_find(const struct copies *c, uint64_t id)
{
	struct copy *slot = c->size ? slot_find(c, id) : NULL;

	return slot && slot->id ? slot : NULL;
}

void copies_remove(struct copies *c, uint64_t id)
{
	struct copy *slot = copies_find(c, id);
	uint32_t hole, i;

	if (!slot)
		return;
	hole = i = (uint32_t)(slot - c->slots);
	c->n--;
	/* What was pushed beyond the hole moves into it. */
	for (;;) {
		uint32_t home;

		i = (i + 1) & (c->size - 1);
		if (!c->slots[i].id)
			break;
		home = slot_of(c, c->slots[i].id);
		if (((i - home) & (c->size - 1)) >= ((i - hole) & (c->size - 1))) {
			c->slots[hole] = c->slots[i];
			hole = i;
		}
	}
	c->slots[hole] = (struct copy){0};
}

void copies_deinit(struct copies *c)
{
	mem_free(c->slots);
	*c = (struct copies){0};
}
