/*
 * pending - the lowest free runs, of which the free bits do not know yet
 *
 * Role:       see pending.h.
 * Uses:       nothing else
 */
#include "pagealloc/pending.h"

#include <assert.h>

static void run_insert(struct pending *p, unsigned i, struct range run)
{
	assert(p->n < PAGEALLOC_PENDING_MAX);
	for (unsigned k = p->n++; k > i; k--)
		p->run[k] = p->run[k - 1];
	p->run[i] = run;
}

static void run_remove(struct pending *p, unsigned i)
{
	p->n--;
	for (; i < p->n; i++)
		p->run[i] = p->run[i + 1];
}

bool pending_add(struct pending *p, uint64_t first, uint64_t limit)
{
	unsigned i = p->n; /* the lowest run above what comes */
	bool joins_below, joins_above;

	while (i > 0 && p->run[i - 1].first >= first)
		i--;
	if ((i > 0 && p->run[i - 1].limit > first) || (i < p->n && p->run[i].first < limit))
		return false;
	joins_below = i > 0 && p->run[i - 1].limit == first;
	joins_above = i < p->n && p->run[i].first == limit;
	if (joins_below && joins_above) {
		p->run[i - 1].limit = p->run[i].limit;
		run_remove(p, i);
	} else if (joins_below) {
		p->run[i - 1].limit = limit;
	} else if (joins_above) {
		p->run[i].first = first;
	} else {
		run_insert(p, i, (struct range){first, limit});
	}
	return true;
}

void pending_cut(struct pending *p, unsigned i, uint64_t first, uint64_t limit)
{
	struct range *run = &p->run[i], above = {limit, run->limit};

	if (first == run->first && limit == run->limit) {
		run_remove(p, i);
	} else if (first == run->first) {
		run->first = limit;
	} else {
		run->limit = first;
		if (above.first < above.limit)
			run_insert(p, i + 1, above);
	}
}
