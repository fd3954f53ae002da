/*
 * live - the extents that a benchmark holds, to draw one of them at random
 *
 * Role:       see live.h.
 * Uses:       measure.h
 */
#include "live.h"

#include <stdlib.h>

#include "measure.h"

static void *resize(void *p, size_t n, size_t size)
{
	void *q = reallocarray(p, n, size);

	if (!q)
		measure_fail("no memory for %zu extents", n);
	return q;
}

static void reserve(struct live *l, size_t n)
{
	l->page = resize(l->page, n, sizeof(*l->page));
	if (l->npages)
		l->npages = resize(l->npages, n, sizeof(*l->npages));
	l->capacity = n;
}

void live_init(struct live *l, size_t expected, bool lengths)
{
	*l = (struct live){.npages = lengths ? measure_alloc(1, sizeof(*l->npages)) : NULL};
	reserve(l, expected + 1024);
}

void live_deinit(struct live *l)
{
	free(l->page);
	free(l->npages);
}

void live_add(struct live *l, uint64_t page, unsigned npages)
{
	if (l->n == l->capacity)
		reserve(l, l->capacity + l->capacity / 8);
	l->page[l->n] = (uint32_t)page;
	if (l->npages)
		l->npages[l->n] = (uint16_t)npages;
	l->n++;
}

unsigned live_take(struct live *l, uint64_t *random, uint64_t *ret_page)
{
	size_t i = (size_t)measure_below(random, l->n), last = --l->n;
	unsigned npages = l->npages ? l->npages[i] : 1;

	*ret_page = l->page[i];
	l->page[i] = l->page[last];
	if (l->npages)
		l->npages[i] = l->npages[last];
	return npages;
}
