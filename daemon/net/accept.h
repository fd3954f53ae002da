/*
 * accept - the listener: who is taken, who is told why not
 *
 * Role:       takes connections while there is room, descriptors and memory; refuses them with a reason where there is not, and comes
 *             back to it by itself.
 * Uses:       base/, rpc/, net/, libuv
 */
#ifndef PALLOCD_NET_ACCEPT_H
#define PALLOCD_NET_ACCEPT_H

#include "net/net.h"

/** accept_open() - take connections from now on, until accept_close(). Return: 0 or a negative errno. */
MUST_CHECK int accept_open(struct net *net);

/** accept_some() - take those who wait, as far as there is credit for arrivals. */
void accept_some(struct net *net);

/** accept_close() - take nobody any more. */
void accept_close(struct net *net);

#endif
