/*
 * process - the processes that connections belong to, and their deaths
 *
 * Role:       a connection ends with the process that made it, although a child of that process may hold the socket. One watched
 *             descriptor (pidfd) a process, however many connections it has.
 * Uses:       base/, libuv
 * Invariants: X1  two processes in the table that live are not the same one, though their numbers may be (numbers come again).
 *             X2  a process is in the table as long as it has connections.
 *
 * Where there is no pidfd (an old kernel, no descriptors left), a connection goes on without: its end is that of the socket.
 */
#ifndef PALLOCD_NET_PROCESS_H
#define PALLOCD_NET_PROCESS_H

#include <sys/types.h>
#include <uv.h>

#include "base/list.h"
#include "base/macros.h"

/* Lists that processes are spread over, by number: one for each two of the most connections that a host usually allows. */
#define PROCESS_LISTS 512u

struct processes {
	uv_loop_t *loop;
	/* Called once for each connection of a process that has died; it may leave the process at once or later. */
	void (*on_death)(struct list *link);
	struct list lists[PROCESS_LISTS];
	bool complained;
};

struct process;

enum process_outcome { PROCESS_E_DEAD = 1 /* it has died already */ };

void processes_init(struct processes *ps, uv_loop_t *loop, void (*on_death)(struct list *link));

/**
 * process_join() - one more connection of the process @pid that has connected to the socket @fd
 * @link:        in no list; on_death() gets it. Taken out with process_leave()
 * @ret_process: written on 0; NULL where its death cannot be watched, which is in the log once
 *
 * Return: 0, PROCESS_E_DEAD, -ENOMEM.
 */
MUST_CHECK int process_join(struct processes *ps, int fd, pid_t pid, struct list *link,
			    struct process **ret_process);

/** process_leave() - one connection fewer; the process is forgotten with its last one. NULL is allowed. */
void process_leave(struct process *p, struct list *link);

#endif
