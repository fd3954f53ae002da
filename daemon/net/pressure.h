/*
 * pressure - the kernel says when programs wait for memory
 *
 * Role:       one trigger on pressure stall information (PSI); what is to be done then is rpc's. Where there is none, the daemon goes
 *             on without.
 * Uses:       base/, libuv
 * Invariants: P1  at most one event in PRESSURE_PAUSE_MSEC, whatever the file says; nothing is watched in between.
 * Cost:       nothing while there is memory.
 */
#ifndef PALLOCD_NET_PRESSURE_H
#define PALLOCD_NET_PRESSURE_H

#include <uv.h>

#include "base/macros.h"

#define PRESSURE_PATH "/proc/pressure/memory"

/*
 * Some program has waited for 100 of 2000 ms. The window of a trigger of somebody who is not privileged must be a multiple of 2 s, and
 * is possible since Linux 6.5; before that it takes CAP_SYS_RESOURCE.
 */
#define PRESSURE_TRIGGER "some 100000 2000000"

#define PRESSURE_PAUSE_MSEC 1000u

struct pressure {
	uv_poll_t poll;
	uv_timer_t pause;
	int fd; /* -1: nothing is watched */
	int events;
	void (*on_pressure)(struct pressure *p);
};

/**
 * pressure_open() - call @on_pressure, on the loop, whenever the trigger fires
 * @path:    NULL: PRESSURE_PATH; "": none
 * @trigger: what is written to it; NULL: PRESSURE_TRIGGER
 * @events:  of uv_poll_event that say that it has fired; 0: UV_PRIORITIZED, as PSI does
 *
 * Return: 0, also where it cannot be watched, which is in the log; or a negative errno of the loop's. Closed with pressure_close().
 */
MUST_CHECK int pressure_open(struct pressure *p, uv_loop_t *loop, const char *path,
			     const char *trigger, int events,
			     void (*on_pressure)(struct pressure *p));

/** pressure_close() - no more events; the loop ends the handles. Safe to call twice. */
void pressure_close(struct pressure *p);

#endif
