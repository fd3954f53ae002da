/*
 * maps - what a handle has attached
 *
 * Role:       see maps.h.
 * Uses:       libc
 */
#include "client/lib/maps.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void maps_init(struct maps *m)
{
	pthread_mutex_init(&m->lock, NULL);
	m->first = NULL;
}

void maps_deinit(struct maps *m, bool ours)
{
	while (m->first) {
		struct attached *a = m->first;

		m->first = a->next;
		close(a->backing.fd);
		free(a);
	}
	if (ours)
		pthread_mutex_destroy(&m->lock);
}

static struct attached *find(struct maps *m, uint32_t region_id, bool write)
{
	struct attached *a = m->first;

	while (a && (a->region_id != region_id || a->backing.write != write))
		a = a->next;
	return a;
}

struct attached *maps_find(struct maps *m, uint32_t region_id, bool write)
{
	struct attached *a;

	pthread_mutex_lock(&m->lock);
	a = find(m, region_id, write);
	pthread_mutex_unlock(&m->lock);
	return a;
}

struct attached *maps_add(struct maps *m, uint32_t region_id, const struct paclient_backing *b,
			  uint64_t nreconnects)
{
	struct attached *mine = calloc(1, sizeof(*mine)), *a;

	pthread_mutex_lock(&m->lock);
	a = find(m, region_id, b->write);
	if (!a && mine) {
		*mine = (struct attached){.next = m->first,
					  .region_id = region_id,
					  .backing = *b,
					  .nreconnects = nreconnects};
		m->first = a = mine;
	}
	pthread_mutex_unlock(&m->lock);
	if (a != mine || !mine) {
		close(b->fd);
		free(mine);
	}
	return a;
}

/* Under the lock: a mapping without memory is made at once. */
int maps_whole(struct maps *m, struct attached *a, void **ret_whole)
{
	int prot = PROT_READ | (a->backing.write ? PROT_WRITE : 0), err = 0;
	void *whole;

	pthread_mutex_lock(&m->lock);
	if (!a->nusers) {
		/* Huge pages would be set aside for all of it. */
		whole = mmap(NULL, (size_t)a->backing.bytes, prot, MAP_SHARED | MAP_NORESERVE,
			     a->backing.fd, 0);
		if (whole == MAP_FAILED)
			err = -errno;
		else
			a->whole = whole;
	}
	if (!err) {
		a->nusers++;
		*ret_whole = a->whole;
	}
	pthread_mutex_unlock(&m->lock);
	return err;
}

bool maps_whole_leave(struct maps *m, struct attached *a, const void *memory)
{
	uintptr_t at = (uintptr_t)memory;
	bool inside;

	pthread_mutex_lock(&m->lock);
	inside = a->nusers && at >= (uintptr_t)a->whole &&
		 at - (uintptr_t)a->whole < a->backing.bytes;
	if (inside && !--a->nusers)
		munmap(a->whole, (size_t)a->backing.bytes);
	pthread_mutex_unlock(&m->lock);
	return inside;
}
