/*
 * cache_blocks - blocks and what is free in them
 *
 * Role:       see cache.h.
 * Uses:       cache
 */
#include "client/lib/cache.h"

#include <stdlib.h>

/* Blocks that are looked at for several pages in a row, before more are had elsewhere. */
#define LOOK_NBLOCKS 32u

struct block block_none = {.full = true};

struct block *mag_next(struct mag *m)
{
	struct block *b = m->cur;

	if (b != &block_none && !b->free) {
		ring_remove(&b->ring);
		ring_add_tail(&m->full, &b->ring);
		b->full = true;
	}
	m->cur = ring_empty(&m->ready) ? &block_none : RING_ITEM(m->ready.next, struct block, ring);
	return m->cur;
}

bool mag_take(const struct paclient_cache *c, struct mag *m, unsigned n, uint64_t *ret_addr)
{
	unsigned left = LOOK_NBLOCKS, at = BLOCK_NPAGES;
	struct block *b = m->cur;

	if (!b->free)
		b = mag_next(m);
	if (b->free)
		at = bits_run(b->free, n);
	for (struct ring *r = m->ready.next; at == BLOCK_NPAGES && r != &m->ready && left--;
	     r = r->next) {
		b = RING_ITEM(r, struct block, ring);
		at = bits_run(b->free, n);
	}
	if (at == BLOCK_NPAGES)
		return false;
	block_take(m, b, bits_of(at, n), n);
	if (b != m->cur && !b->free) {
		ring_remove(&b->ring);
		ring_add_tail(&m->full, &b->ring);
		b->full = true;
	}
	*ret_addr = block_addr(c, b, at);
	return true;
}

void mag_collect(struct mag *m)
{
	struct block *b;

	while ((b = m->remote) != NULL) {
		/* One that was freed twice, by two threads at once, is free once. */
		uint64_t bits = b->remote & ~b->free;

		m->remote = b->remote_next;
		b->remote_next = NULL;
		__atomic_store_n(&b->remote, 0, __ATOMIC_RELAXED);
		if (bits)
			block_put(m, b, bits, bits_count(bits));
	}
	m->nremote = 0;
}

static void ring_move(struct ring *from, struct ring *to, struct mag *owner)
{
	while (!ring_empty(from)) {
		struct block *b = RING_ITEM(from->next, struct block, ring);

		ring_remove(&b->ring);
		ring_add_tail(to, &b->ring);
		__atomic_store_n(&b->owner, owner, __ATOMIC_RELAXED);
	}
}

void mag_move(struct mag *from, struct mag *to, bool full)
{
	mag_collect(from);
	/* Out of ready, where it is empty. */
	mag_next(from);
	from->cur = &block_none;
	ring_move(&from->ready, &to->ready, to);
	if (full)
		ring_move(&from->full, &to->full, to);
	to->nfree += from->nfree;
	from->nfree = 0;
}

struct block *block_get(struct paclient_cache *c, uint64_t index)
{
	struct block **at = &c->leaves[index / LEAF_NBLOCKS], *leaf = *at;

	if (leaf)
		return &leaf[index % LEAF_NBLOCKS];
	leaf = calloc(LEAF_NBLOCKS, sizeof(*leaf));
	if (!leaf)
		return NULL;
	for (uint64_t i = 0; i < LEAF_NBLOCKS; i++) {
		ring_init(&leaf[i].ring);
		leaf[i].index = index / LEAF_NBLOCKS * LEAF_NBLOCKS + i;
	}
	__atomic_store_n(at, leaf, __ATOMIC_RELEASE);
	return &leaf[index % LEAF_NBLOCKS];
}

void block_hold(struct paclient_cache *c, struct mag *m, struct block *b, uint64_t bits, bool free)
{
	struct mag *owner = b->owner;

	c->held_npages += bits_count(bits);
	if (!b->held) {
		owner = m;
		b->free = 0;
		b->idle_ms = 0;
		b->full = !free;
		__atomic_store_n(&b->owner, m, __ATOMIC_RELAXED);
		ring_add_tail(free ? &m->ready : &m->full, &b->ring);
	}
	__atomic_store_n(&b->held, b->held | bits, __ATOMIC_RELAXED);
	if (!free)
		return;
	/* Nobody else is in one's own, nor in what is no thread's. */
	if (owner == m || owner == &c->loose)
		block_put(owner, b, bits, bits_count(bits));
	else
		block_put_remote(b, bits);
}

void block_put_remote(struct block *b, uint64_t bits)
{
	struct mag *m = b->owner;

	if (!b->remote) {
		b->remote_next = m->remote;
		m->remote = b;
	}
	__atomic_store_n(&b->remote, b->remote | bits, __ATOMIC_RELAXED);
	m->nremote += bits_count(bits);
}

/* Is it one of those that are meant? */
static bool block_picked(const struct paclient_cache *c, struct block *b, enum pick pick,
			 uint32_t now_ms)
{
	if (pick == PICK_ANY)
		return true;
	if (b->free != b->held)
		return false;
	if (pick == PICK_WHOLE)
		return true;
	if (!b->idle_ms)
		b->idle_ms = now_ms;
	return now_ms - b->idle_ms >= c->idle_ms;
}

/* Into @g, joined to the run before where they touch. */
static void run_give(struct paclient_cache *c, struct give *g, uint64_t addr, uint64_t npages)
{
	g->npages_total += npages;
	if (g->n && g->addrs[g->n - 1] + (g->npages[g->n - 1] << c->page_shift) == addr) {
		g->npages[g->n - 1] += npages;
		return;
	}
	/* Blocks that were freed one after the other come in this order. */
	if (g->n && addr + (npages << c->page_shift) == g->addrs[g->n - 1]) {
		g->addrs[g->n - 1] = addr;
		g->npages[g->n - 1] += npages;
		return;
	}
	g->addrs[g->n] = addr;
	g->npages[g->n++] = npages;
}

static void block_give(struct paclient_cache *c, struct mag *m, struct block *b, struct give *g)
{
	uint64_t bits = b->free;

	c->held_npages -= bits_count(bits);
	m->nfree -= bits_count(bits);
	__atomic_store_n(&b->held, b->held & ~bits, __ATOMIC_RELAXED);
	b->free = 0;
	if (m->cur == b)
		m->cur = &block_none;
	ring_remove(&b->ring);
	if (b->held) {
		b->full = true;
		ring_add_tail(&m->full, &b->ring);
	} else {
		__atomic_store_n(&b->owner, NULL, __ATOMIC_RELAXED);
	}
	while (bits) {
		unsigned at = (unsigned)__builtin_ctzll(bits);
		uint64_t rest = ~(bits >> at);
		unsigned n = rest ? (unsigned)__builtin_ctzll(rest) : BLOCK_NPAGES;

		run_give(c, g, block_addr(c, b, at), n);
		bits &= ~bits_of(at, n);
	}
}

bool mag_pick(struct paclient_cache *c, struct mag *m, enum pick pick, uint64_t keep,
	      struct give *g)
{
	uint32_t now_ms = pick == PICK_IDLE ? cache_clock_ms(c) : 0;
	struct ring *r = m->ready.next;

	while (r != &m->ready && m->nfree > keep) {
		struct block *b = RING_ITEM(r, struct block, ring);

		r = r->next;
		if (!b->free || !block_picked(c, b, pick, now_ms))
			continue;
		if (GIVE_MAX - g->n < BLOCK_NPAGES / 2)
			return false;
		block_give(c, m, b, g);
	}
	return true;
}
