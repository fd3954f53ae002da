/*
 * peer - who is on the other side of a connection
 *
 * Role:       see peer.h.
 * Uses:       base/, region/access.h
 */
#include "net/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

/* Most people are in fewer: one call does. */
#define GROUPS_FIRST 32

int peer_read(int fd, struct session_peer *ret)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	*ret = (struct session_peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
	return 0;
}

/* The kernel says how much room it wants where there is too little. */
static int groups_read(int fd, struct session_peer *ret)
{
	socklen_t size = GROUPS_FIRST * sizeof(gid_t);
	gid_t *groups = NULL, *longer;
	int err;

	do {
		longer = mem_resize(groups, 1, size);
		if (!longer) {
			mem_free(groups);
			return -ENOMEM;
		}
		groups = longer;
		err = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0 ? -errno : 0;
	} while (err == -ERANGE);
	/* A kernel that does not tell groups leaves the one of the credentials. */
	if (err == -ENOPROTOOPT) {
		err = 0;
		size = 0;
	}
	if (err || size == 0) {
		mem_free(groups);
		return err;
	}
	/* Connections are many: what is left over goes back. */
	longer = mem_resize(groups, 1, size);
	ret->groups = longer ? longer : groups;
	ret->ngroups = (uint32_t)(size / sizeof(gid_t));
	return 0;
}

/* Best effort: the process may have gone, or be somebody whom this daemon does not see. */
void peer_read_command(struct session_peer *ret)
{
	char path[32];
	ssize_t n;
	int fd;

	if (ret->pid <= 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)ret->pid);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, ret->command, sizeof(ret->command) - 1);
	close(fd);
	for (ssize_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)ret->command[i];

		if (c == '\n' && i == n - 1)
			ret->command[i] = '\0';
		else if (c < ' ' || c > '~')
			ret->command[i] = '?';
	}
}

int peer_read_more(int fd, struct session_peer *peer)
{
	int err = peer->groups ? 0 : groups_read(fd, peer);

	if (!err)
		peer_read_command(peer);
	return err;
}

void peer_deinit(struct session_peer *peer)
{
	mem_free((void *)(uintptr_t)peer->groups);
	peer->groups = NULL;
	peer->ngroups = 0;
}
