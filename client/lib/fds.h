/*
 * fds - descriptors that have come with the replies, until it is known whose they are
 *
 * Role:       the queue of a handle: the n-th descriptor of a connection belongs to its n-th AttachReply with status OK, and
 *             comes with that reply's bytes or before them.
 * Uses:       libc
 * Invariants: F1  what is in the queue is the reader's, as is `in`; ids are under the handle's lock.
 *             F2  ids are the Attaches that have been sent and not answered, ascending, whether their callers still wait or not.
 *             F3  no more descriptors lie here than there are ids, or the connection is broken.
 * Limits:     where the kernel had to drop a descriptor (MSG_CTRUNC: this process has too many open) it does not say how many.
 *             All Attaches that are in flight fail then, and what comes for them is closed; the first one afterwards can be
 *             trusted again.
 */
#ifndef PACLIENT_LIB_FDS_H
#define PACLIENT_LIB_FDS_H

#include <stdbool.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* Attaches in flight at once. */
#define FDS_MAX 64u

/* What fds_answer() gives in place of a descriptor. */
#define FDS_NONE (-1)
#define FDS_LOST (-2)

struct fds {
	int fd[FDS_MAX];
	unsigned n;
	bool lost;    /* some had to be dropped */
	bool unasked; /* more have come than fit */
	unsigned nids;
	uint64_t id[FDS_MAX];
	int current; /* of the AttachReply that is being read: who wants it takes it */
};

/** fds_init() - nothing in it. */
void fds_init(struct fds *f);

/** fds_expect() - Attach @id has been sent. There is room (nids). */
void fds_expect(struct fds *f, uint64_t id);

/** fds_add() - one that has come: by the reader. It is the queue's. */
void fds_add(struct fds *f, int fd);

/**
 * fds_answer() - request @id has been answered; @attached: by an AttachReply with status OK
 * @ret_fd: the descriptor, which becomes the caller's; FDS_LOST; FDS_NONE where none should be, or none is
 *
 * Return: false where @id is no Attach that is waited for.
 */
MUST_CHECK bool fds_answer(struct fds *f, uint64_t id, bool attached, int *ret_fd);

/** fds_wrong() - there are more than anybody has asked for. */
static inline bool fds_wrong(const struct fds *f)
{
	return f->unasked || f->n > f->nids || (f->lost && !f->nids);
}

/** fds_close() - all that lie here are closed. */
void fds_close(struct fds *f);

#endif
