/*
 * fds - descriptors that have come with the replies
 *
 * Role:       see fds.h.
 * Uses:       libc
 */
#include "client/lib/fds.h"

#include <string.h>
#include <unistd.h>

void fds_init(struct fds *f)
{
	memset(f, 0, sizeof(*f));
	f->current = FDS_NONE;
}

void fds_expect(struct fds *f, uint64_t id)
{
	f->id[f->nids++] = id;
}

void fds_add(struct fds *f, int fd)
{
	if (f->n < FDS_MAX) {
		f->fd[f->n++] = fd;
		return;
	}
	f->unasked = true;
	close(fd);
}

/* The first one, whoever it is for. */
static int pop(struct fds *f)
{
	int fd = f->fd[0];

	f->n--;
	memmove(f->fd, f->fd + 1, f->n * sizeof(f->fd[0]));
	return fd;
}

void fds_close(struct fds *f)
{
	while (f->n)
		close(pop(f));
}

bool fds_answer(struct fds *f, uint64_t id, bool attached, int *ret_fd)
{
	unsigned i = 0;

	*ret_fd = FDS_NONE;
	while (i < f->nids && f->id[i] != id)
		i++;
	if (i == f->nids)
		return false;
	f->nids--;
	memmove(f->id + i, f->id + i + 1, (f->nids - i) * sizeof(f->id[0]));
	if (f->lost) {
		*ret_fd = attached ? FDS_LOST : FDS_NONE;
		fds_close(f);
		/* Whose is whose is known again when everything that was asked for has come. */
		f->lost = f->nids;
	} else if (attached && f->n) {
		*ret_fd = pop(f);
	}
	return true;
}
