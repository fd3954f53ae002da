/*
 * pump - bytes go out and come in
 *
 * Role:       see pump.h.
 * Uses:       conn, deliver, late, link, ready
 */
#include "client/lib/pump.h"

#include <string.h>

#include "client/lib/conn.h"
#include "client/lib/deliver.h"
#include "client/lib/late.h"
#include "client/lib/link.h"
#include "client/lib/ready.h"

void pump_wake(struct paclient *c)
{
	if (!c->reading && !ring_empty(&c->sleepers))
		pthread_cond_signal(&RING_ITEM(c->sleepers.next, struct call, asleep)->wake);
}

/* Those who sleep without being in flight wait for room in `out`. */
static void wake_for_room(struct paclient *c)
{
	struct ring *r;

	for (r = c->sleepers.next; r != &c->sleepers; r = r->next) {
		struct call *k = RING_ITEM(r, struct call, asleep);

		if (ring_empty(&k->awaited.ring))
			pthread_cond_signal(&k->wake);
	}
}

void pump_flush(struct paclient *c)
{
	size_t room = conn_room(c);
	int err = c->broken || c->link != LINK_UP ? 0 : conn_flush(c);

	if (err)
		deliver_broken(c, PACLIENT_SYSTEM, -err, "cannot send: %s", strerror(-err));
	else if (c->nwait_room && conn_room(c) > room)
		wake_for_room(c);
}

void pump_send(struct paclient *c)
{
	bool resending = handle_resending(c);

	if (resending)
		link_resend(c);
	pump_flush(c);
	if (resending && !handle_resending(c))
		wake_for_room(c);
}

int pump_link(struct paclient *c, uint64_t deadline_ns)
{
	int err;

	c->reading = true;
	pthread_mutex_unlock(&c->lock);
	err = link_step(c, deadline_ns);
	pthread_mutex_lock(&c->lock);
	c->reading = false;
	link_stepped(c, err);
	ready_socket(c);
	if (c->link == LINK_UP && !c->broken) {
		pump_send(c);
		wake_for_room(c);
	}
	return err == CONN_E_LATE ? PUMP_E_LATE : 0;
}

int pump_read(struct paclient *c, uint64_t deadline_ns, bool fresh)
{
	bool to_send = c->out_end > c->out_start || handle_resending(c);
	int err;

	c->reading = true;
	pthread_mutex_unlock(&c->lock);
	err = deadline_ns ? conn_receive(c, deadline_ns, fresh, to_send) : conn_receive_now(c);
	pthread_mutex_lock(&c->lock);
	c->reading = false;
	deliver_frames(c);
	if (err == CONN_E_LATE)
		return PUMP_E_LATE;
	if (err && c->link == LINK_UP)
		deliver_lost(c, err);
	if (c->link != LINK_UP)
		return 0;
	if (to_send || c->out_end > c->out_start || handle_resending(c))
		pump_send(c);
	if (!ring_empty(&c->lates)) {
		/* Extents whose Frees had no room before may have it now. */
		late_give_back(c);
		pump_flush(c);
	}
	return 0;
}
