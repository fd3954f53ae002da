/*
 * oracle - the plain scan
 *
 * Role:       see oracle.h.
 * Uses:       libc
 */
#include "tests/model/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct oracle *oracle_new(uint64_t npages)
{
	struct oracle *o = calloc(1, sizeof(*o));
	uint8_t *bytes = calloc(3, npages);

	if (!o || !bytes) {
		perror("oracle");
		exit(1);
	}
	*o = (struct oracle){npages, bytes, bytes + npages, bytes + 2 * npages};
	return o;
}

void oracle_free(struct oracle *o)
{
	if (o)
		free(o->grown);
	free(o);
}

void oracle_grow(struct oracle *o, uint64_t page, uint64_t npages)
{
	memset(o->grown + page, 1, npages);
	memset(o->used + page, 0, npages);
	memset(o->scavenged + page, 1, npages);
}

bool oracle_is_free(const struct oracle *o, uint64_t page, uint64_t npages)
{
	for (uint64_t i = page; i < page + npages; i++)
		if (i >= o->npages || !o->grown[i] || o->used[i])
			return false;
	return npages > 0;
}

bool oracle_is_used(const struct oracle *o, uint64_t page, uint64_t npages)
{
	for (uint64_t i = page; i < page + npages; i++)
		if (i >= o->npages || !o->grown[i] || !o->used[i])
			return false;
	return npages > 0;
}

uint64_t oracle_take(struct oracle *o, uint64_t page, uint64_t npages)
{
	uint64_t scavenged = 0;

	for (uint64_t i = page; i < page + npages; i++) {
		scavenged += o->scavenged[i];
		o->used[i] = 1;
		o->scavenged[i] = 0;
	}
	return scavenged;
}

void oracle_give(struct oracle *o, uint64_t page, uint64_t npages)
{
	memset(o->used + page, 0, npages);
}

void oracle_shrink(struct oracle *o, uint64_t page, uint64_t npages)
{
	memset(o->grown + page, 0, npages);
	memset(o->scavenged + page, 0, npages);
}

uint64_t oracle_alloc(struct oracle *o, uint64_t npages, uint64_t *ret_scavenged)
{
	uint64_t run = 0;

	for (uint64_t i = 0; i < o->npages && npages > 0; i++) {
		run = o->grown[i] && !o->used[i] ? run + 1 : 0;
		if (run == npages) {
			*ret_scavenged = oracle_take(o, i + 1 - npages, npages);
			return i + 1 - npages;
		}
	}
	return ORACLE_NONE;
}

bool oracle_fits(const struct oracle_request *r, uint64_t page)
{
	uint64_t first = r->origin + page, last = first + r->npages - 1;

	if (r->align && first % r->align)
		return false;
	if (r->boundary && first / r->boundary != last / r->boundary)
		return false;
	return page >= r->first && (!r->limit || page + r->npages <= r->limit);
}

uint64_t oracle_place(const struct oracle *o, const struct oracle_request *r)
{
	uint64_t found = ORACLE_NONE, run = 0, run_end = 0, shortest = UINT64_MAX;

	for (uint64_t i = 0; i + r->npages <= o->npages; i++) {
		if (i >= run_end) {
			run = oracle_run(o, i);
			run_end = i + (run ? run : 1);
		}
		if (run_end - i < r->npages || run < r->npages || !oracle_fits(r, i))
			continue;
		if (r->strategy == ORACLE_BEST && run >= shortest)
			continue;
		found = i;
		shortest = run;
		if (r->strategy == ORACLE_FIRST)
			break;
	}
	return found;
}

uint64_t oracle_run(const struct oracle *o, uint64_t page)
{
	uint64_t n = 0;

	while (page + n < o->npages && o->grown[page + n] && !o->used[page + n])
		n++;
	return n;
}

uint64_t oracle_scavenge(struct oracle *o, uint64_t npages)
{
	uint64_t n = 0;

	for (uint64_t i = o->npages; i-- > 0 && n < npages;) {
		if (o->grown[i] && !o->used[i] && !o->scavenged[i]) {
			o->scavenged[i] = 1;
			n++;
		}
	}
	return n;
}

struct oracle_counts oracle_count(const struct oracle *o)
{
	struct oracle_counts c = {.lowest_free = ORACLE_NONE};
	uint64_t run = 0;

	for (uint64_t i = 0; i < o->npages; i++) {
		bool is_free = o->grown[i] && !o->used[i];

		c.grown += o->grown[i];
		c.free += is_free;
		c.scavenged += o->scavenged[i];
		run = is_free ? run + 1 : 0;
		if (run > c.largest)
			c.largest = run;
		if (is_free && c.lowest_free == ORACLE_NONE)
			c.lowest_free = i;
	}
	return c;
}
