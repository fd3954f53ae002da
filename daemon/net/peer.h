/*
 * peer - who is on the other side of a connection
 *
 * Role:       asks the kernel: user, groups, process and its command name.
 * Uses:       base/, region/access.h
 */
#ifndef PALLOCD_NET_PEER_H
#define PALLOCD_NET_PEER_H

#include "base/macros.h"
#include "region/access.h"

/**
 * peer_read() - who has connected to the socket @fd, as it was at that moment
 *
 * The command's name is that of the process with this number now, if any: for people only. Bytes that are no printable ASCII are '?' in
 * it. Never blocks. Return: 0, or a negative errno. Given back with peer_deinit() on 0.
 */
MUST_CHECK int peer_read(int fd, struct session_peer *ret);

/** peer_deinit() - give the groups back; safe to call twice. */
void peer_deinit(struct session_peer *peer);

#endif
