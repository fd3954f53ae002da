/*
 * turn - the end of each turn of the loop, and what is due by the clock
 *
 * Role:       after the events of a turn: a slice of work that ended sessions left behind, who waited for space, what was deferred for
 *             fairness, who is to be cut, events for those who watch. And one timer for all that is due some time.
 * Uses:       base/, rpc/, net/, libuv
 * Invariants: U1  the loop does not sleep while anything is left that the next turn can do.
 *             U2  the timer runs exactly while something will be due, and until a turn at the most after.
 */
#ifndef PALLOCD_NET_TURN_H
#define PALLOCD_NET_TURN_H

#include "net/conn.h"

/** turn_open() - turns have an end from now on; the handles are closed with the others of @net. Return: 0 or a negative errno. */
MUST_CHECK int turn_open(struct net *net);

/** turn_timeouts_set() - the configuration's timeouts are others than before. */
void turn_timeouts_set(struct net *net);

/** net_again() - the next turn comes without waiting for anything. */
void net_again(struct net *net);

/** net_timeout_begin() - the client of @c must do something in time from now on. */
void net_timeout_begin(struct conn *c, enum timeout_kind kind);

#endif
