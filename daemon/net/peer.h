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

/** peer_read() - user, group and process that have connected to the socket @fd, as they were at that moment. Never blocks. Return: 0, or a negative errno. */
MUST_CHECK int peer_read(int fd, struct session_peer *ret);

/**
 * peer_read_more() - what takes several system calls: supplementary groups, as they were at that moment, and the command's name
 * @peer: as peer_read() has left it, or with what an earlier call has found out
 *
 * Never blocks. Return: 0, or a negative errno (nothing changed). The groups are given back with peer_deinit().
 */
MUST_CHECK int peer_read_more(int fd, struct session_peer *peer);

/**
 * peer_read_command() - the name of the process that has the peer's number now, if any: for people only
 *
 * Bytes that are no printable ASCII are '?' in it.
 */
void peer_read_command(struct session_peer *peer);

/** peer_deinit() - give the groups back; safe to call twice. */
void peer_deinit(struct session_peer *peer);

#endif
