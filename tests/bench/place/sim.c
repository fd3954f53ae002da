/*
 * sim - first fit and best fit as anyone would write them: a sorted list of free runs, looked through from the beginning
 *
 * Role:       see sim.h.
 * Uses:       measure.h
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "measure.h"

void sim_init(struct sim *s, uint64_t npages, bool best)
{
	*s = (struct sim){.best = best, .capacity = 64, .n = 1};
	s->runs = measure_alloc(s->capacity, sizeof(*s->runs));
	s->runs[0] = (struct sim_run){0, npages};
}

void sim_deinit(struct sim *s)
{
	free(s->runs);
}

static void remove_run(struct sim *s, size_t i)
{
	memmove(&s->runs[i], &s->runs[i + 1], (s->n - i - 1) * sizeof(*s->runs));
	s->n--;
}

static void insert_run(struct sim *s, size_t i, uint64_t first, uint64_t npages)
{
	if (s->n == s->capacity) {
		s->capacity *= 2;
		s->runs = realloc(s->runs, s->capacity * sizeof(*s->runs));
		if (!s->runs)
			measure_fail("no memory for %zu runs", s->capacity);
	}
	memmove(&s->runs[i + 1], &s->runs[i], (s->n - i) * sizeof(*s->runs));
	s->runs[i] = (struct sim_run){first, npages};
	s->n++;
}

uint64_t sim_take(struct sim *s, uint64_t npages)
{
	size_t at = s->n;
	uint64_t page;

	for (size_t i = 0; i < s->n; i++) {
		if (s->runs[i].npages < npages)
			continue;
		if (at == s->n || s->runs[i].npages < s->runs[at].npages)
			at = i;
		if (!s->best || s->runs[i].npages == npages)
			break;
	}
	if (at == s->n)
		return SIM_NONE;
	page = s->runs[at].first;
	s->runs[at].first += npages;
	s->runs[at].npages -= npages;
	if (s->runs[at].npages == 0)
		remove_run(s, at);
	return page;
}

void sim_give(struct sim *s, uint64_t page, uint64_t npages)
{
	size_t i = 0;
	bool below, above;

	while (i < s->n && s->runs[i].first < page)
		i++;
	below = i > 0 && s->runs[i - 1].first + s->runs[i - 1].npages == page;
	above = i < s->n && s->runs[i].first == page + npages;
	if (below && above) {
		s->runs[i - 1].npages += npages + s->runs[i].npages;
		remove_run(s, i);
	} else if (below) {
		s->runs[i - 1].npages += npages;
	} else if (above) {
		s->runs[i].first = page;
		s->runs[i].npages += npages;
	} else {
		insert_run(s, i, page, npages);
	}
}
