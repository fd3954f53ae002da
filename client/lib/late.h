/*
 * late - requests whose callers have gone away at their deadline
 *
 * Role:       remembers which replies may still come, throws them away, and gives back what a late
 *             Alloc brings. All under the handle's lock.
 * Uses:       wire, conn, arena, scatter, frame
 * Invariants: L1  a late is in `flight` until its reply has come; one whose extents wait to be given back has id 0 and is in
 *                 `lates`, one whose Free is on its way is in `flight` again, has the Free's id and is no alloc.
 * Limits:     without memory for the note (or to read a late reply of several extents), all replies up to that request are thrown away unread: an
 *             extent among them stays the session's until it ends.
 */
#ifndef PACLIENT_LIB_LATE_H
#define PACLIENT_LIB_LATE_H

#include "client/lib/handle.h"

/** late_add() - the caller of @k goes away; @k is in flight and will not be touched again. */
void late_add(struct paclient *c, struct call *k);

/** late_take() - a reply that belongs to no call, but to @l, or to nobody who is known. Return: 0, or -ENOENT where nobody ever asked. */
MUST_CHECK int late_take(struct paclient *c, struct late *l, const struct wire_reply *r);

/** late_give_back() - put Frees into `out` for extents that wait for it, as far as there is room. */
void late_give_back(struct paclient *c);

/** late_forget() - drop all notes. */
void late_forget(struct paclient *c);

/** late_forget_unsent() - the connection is another one: drop notes of requests that are not sent again, to which no reply will come. */
void late_forget_unsent(struct paclient *c);

/** late_forget_sent() - drop notes of all requests; what waits to be given back stays. */
void late_forget_sent(struct paclient *c);

/** late_free() - its reply is not awaited any more. */
void late_free(struct late *l);

/** late_bytes() and late_pack() - its Request once more, as it was; 0 bytes: it is not to be sent again. */
size_t late_bytes(const struct late *l);
void late_pack(const struct late *l, uint8_t *to);

#endif
