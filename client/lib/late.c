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

void late_free(struct late *l)
{
	ring_remove(&l->awaited.ring);
	free(l);
}

void late_add(struct paclient *c, struct call *k)
{
	size_t n = k->scatter_max ? k->scatter_max : k->ret_addrs ? k->extents.n : 0;
	uint64_t id = k->awaited.id;
	size_t nbytes = c->repeats && frame_changes(k) ? frame_bytes(k, id) : 0;
	struct late *l = malloc(sizeof(*l) + 2 * n * sizeof(l->numbers[0]) + nbytes);

	if (!l) {
		ring_remove(&k->awaited.ring);
		c->id_untracked = id > c->id_untracked ? id : c->id_untracked;
		return;
	}
	*l = (struct late){.awaited = {.id = id, .late = true},
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
	/* In its place. */
	ring_add_tail(&k->awaited.ring, &l->awaited.ring);
	ring_remove(&k->awaited.ring);
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

int late_take(struct paclient *c, struct late *l, const struct wire_reply *r)
{
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
	l->awaited.id = 0;
	l->alloc = false;
	l->frame_bytes = 0;
	ring_remove(&l->awaited.ring);
	ring_add_tail(&c->lates, &l->awaited.ring);
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

/* Return: false where there is no room. */
static bool give_back(struct paclient *c, struct late *l)
{
	struct wire_extents x;
	size_t nbytes;

	l->answered = frame_answered(c);
	x = late_extents(l, c->id_last + 1);
	nbytes = wire_extents_bytes(&x);
	if (conn_room(c) < PALLOCD_FRAME_HEADER_BYTES + nbytes)
		return false;
	wire_extents_pack(&x, frame_begin(c, nbytes));
	c->answered = l->answered ? l->answered : c->answered;
	l->freeing = true;
	l->awaited.id = ++c->id_last;
	ring_remove(&l->awaited.ring);
	ring_add_tail(&c->flight, &l->awaited.ring);
	return true;
}

void late_give_back(struct paclient *c)
{
	if (c->link != LINK_UP || handle_resending(c))
		return;
	while (!ring_empty(&c->lates) && give_back(c, LATE_OF(AWAITED(c->lates.next))))
		;
}

static void forget_sent(struct paclient *c, bool all)
{
	struct ring *r = c->flight.next;

	while (r != &c->flight) {
		struct awaited *a = AWAITED(r);

		r = r->next;
		if (a->late && (all || !late_bytes(LATE_OF(a))))
			late_free(LATE_OF(a));
	}
}

void late_forget(struct paclient *c)
{
	forget_sent(c, true);
	while (!ring_empty(&c->lates))
		late_free(LATE_OF(AWAITED(c->lates.next)));
}

void late_forget_unsent(struct paclient *c)
{
	forget_sent(c, false);
}

void late_forget_sent(struct paclient *c)
{
	forget_sent(c, true);
}

size_t late_bytes(const struct late *l)
{
	struct wire_extents x = late_extents(l, l->awaited.id);

	return l->freeing ? wire_extents_bytes(&x) : l->frame_bytes;
}

void late_pack(const struct late *l, uint8_t *to)
{
	struct wire_extents x = late_extents(l, l->awaited.id);

	if (l->freeing)
		wire_extents_pack(&x, to);
	else
		memcpy(to, l->frame, l->frame_bytes);
}
