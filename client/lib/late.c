/*
 * late - requests whose callers have gone away at their deadline
 *
 * Role:       see late.h.
 * Uses:       wire, conn, arena, scatter, frame
 */
#include "client/lib/late.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/conn.h"
#include "client/lib/frame.h"
#include "client/lib/scatter.h"

static void late_free(struct late *l)
{
	ring_remove(&l->ring);
	free(l);
}

void late_add(struct paclient *c, struct call *k)
{
	size_t n = k->scatter_max ? k->scatter_max : k->ret_addrs ? k->extents.n : 0;
	size_t nbytes = c->repeats && frame_changes(k) ? frame_bytes(k, k->id) : 0;
	struct late *l = malloc(sizeof(*l) + 2 * n * sizeof(l->numbers[0]) + nbytes);

	ring_remove(&k->in_flight);
	if (!l) {
		c->id_untracked = k->id > c->id_untracked ? k->id : c->id_untracked;
		return;
	}
	*l = (struct late){.id = k->id,
			   .alloc = n,
			   .region_id = k->extents.region_id,
			   .n = n,
			   .addrs = l->numbers,
			   .npages = l->numbers + n,
			   .frame = (uint8_t *)(l->numbers + 2 * n),
			   .frame_bytes = nbytes};
	if (nbytes)
		frame_pack(k, l->frame);
	if (k->scatter_max)
		l->scattered_npages = k->extents.npages[0];
	else if (n)
		memcpy(l->npages, k->extents.npages, n * sizeof(l->npages[0]));
	ring_add_tail(&c->lates, &l->ring);
}

static struct late *late_find(struct paclient *c, uint64_t id)
{
	struct ring *r;

	for (r = c->lates.next; r != &c->lates; r = r->next) {
		struct late *l = RING_ITEM(r, struct late, ring);

		if (l->id == id)
			return l;
	}
	return NULL;
}

static int take_scattered(struct paclient *c, struct late *l, const struct wire_reply *r)
{
	Pallocd__V1__AllocReply *a;
	int err;

	arena_reset(&c->arena);
	a = pallocd__v1__alloc_reply__unpack(&c->arena.allocator, r->body_bytes, r->body);
	if (!a)
		return c->arena.failed ? -ENOMEM : -EBADMSG;
	err = scatter_check(a, l->n, l->scattered_npages);
	if (!err) {
		l->n = a->n_addr;
		memcpy(l->addrs, a->addr, l->n * sizeof(l->addrs[0]));
		memcpy(l->npages, a->npages, l->n * sizeof(l->npages[0]));
	}
	pallocd__v1__alloc_reply__free_unpacked(a, &c->arena.allocator);
	return err;
}

int late_take(struct paclient *c, const struct wire_reply *r)
{
	struct late *l = late_find(c, r->id);
	int err;

	if (!l)
		return r->id <= c->id_untracked ? 0 : -ENOENT;
	if (!l->alloc || r->status) {
		late_free(l);
		return 0;
	}
	err = l->scattered_npages ? take_scattered(c, l, r) : wire_alloc_reply(r, l->n, l->addrs);
	if (err) {
		late_free(l);
		return err == -ENOMEM ? 0 : -ENOENT;
	}
	l->id = 0;
	l->alloc = false;
	l->frame_bytes = 0;
	late_give_back(c);
	return 0;
}

static struct wire_extents late_extents(const struct late *l, uint64_t id)
{
	return (struct wire_extents){.id = id,
				     .answered = l->answered,
				     .region_id = l->region_id,
				     .n = l->n,
				     .addrs = l->addrs,
				     .npages = l->npages};
}

static void give_back(struct paclient *c, struct late *l)
{
	struct wire_extents x;
	size_t nbytes;

	l->answered = frame_answered(c);
	x = late_extents(l, c->id_last + 1);
	nbytes = wire_extents_bytes(&x);
	if (conn_room(c) < PALLOCD_FRAME_HEADER_BYTES + nbytes)
		return;
	wire_extents_pack(&x, frame_begin(c, nbytes));
	c->answered = l->answered ? l->answered : c->answered;
	l->freeing = true;
	l->id = ++c->id_last;
}

void late_give_back(struct paclient *c)
{
	struct ring *r;

	if (c->link != LINK_UP || handle_resending(c))
		return;
	for (r = c->lates.next; r != &c->lates; r = r->next) {
		struct late *l = RING_ITEM(r, struct late, ring);

		if (!l->id)
			give_back(c, l);
	}
}

void late_forget(struct paclient *c)
{
	while (!ring_empty(&c->lates))
		late_free(RING_ITEM(c->lates.next, struct late, ring));
}

static void forget_sent(struct paclient *c, bool all)
{
	struct ring *r = c->lates.next;

	while (r != &c->lates) {
		struct late *l = RING_ITEM(r, struct late, ring);

		r = r->next;
		if (l->id && (all || (!l->freeing && !l->frame_bytes)))
			late_free(l);
	}
}

void late_forget_unsent(struct paclient *c)
{
	forget_sent(c, false);
}

void late_forget_sent(struct paclient *c)
{
	forget_sent(c, true);
}

struct late *late_from(struct paclient *c, uint64_t id)
{
	struct late *lowest = NULL;
	struct ring *r;

	for (r = c->lates.next; r != &c->lates; r = r->next) {
		struct late *l = RING_ITEM(r, struct late, ring);

		if (l->id && l->id >= id && (!lowest || l->id < lowest->id))
			lowest = l;
	}
	return lowest;
}

size_t late_bytes(const struct late *l)
{
	struct wire_extents x = late_extents(l, l->id);

	return l->freeing ? wire_extents_bytes(&x) : l->frame_bytes;
}

void late_pack(const struct late *l, uint8_t *to)
{
	struct wire_extents x = late_extents(l, l->id);

	if (l->freeing)
		wire_extents_pack(&x, to);
	else
		memcpy(to, l->frame, l->frame_bytes);
}
