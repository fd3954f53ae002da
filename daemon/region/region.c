/*
 * region - making, growing and describing one
 *
 * Role:       see region.h; alloc, free and check have files of their own.
 * Uses:       backing/, base/, pagealloc/, region/
 */
#include "region/region.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backing/backing.h"
#include "base/mem.h"
#include "base/size.h"
#include "region/region_private.h"

static bool name_char_ok(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

static int name_check(const char *name, char *buf, size_t size)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++) {
		if (!name_char_ok(name[i])) {
			snprintf(buf, size,
				 "a region's name may hold letters, digits, '.', '_' and '-' only");
			return REGION_E_CONFIG;
		}
	}
	if (n == 0 || n > REGION_NAME_BYTES_MAX) {
		snprintf(buf, size, "a region's name has 1 to %u characters",
			 REGION_NAME_BYTES_MAX);
		return REGION_E_CONFIG;
	}
	return 0;
}

static int page_size_check(const struct region_config *c, char *buf, size_t size)
{
	uint64_t page = c->page_size_bytes;

	if (page == 0 || page > REGION_PAGE_BYTES_MAX || (page & (page - 1))) {
		snprintf(buf, size, "the page size %" PRIu64 " is not a power of two from 1 to 1G",
			 page);
		return REGION_E_CONFIG;
	}
	if (c->base_addr % page) {
		snprintf(buf, size,
			 "the base address %#" PRIx64 " is no multiple of the page size %" PRIu64
			 ": %#" PRIx64 " would be",
			 c->base_addr, page, c->base_addr - c->base_addr % page);
		return REGION_E_CONFIG;
	}
	return 0;
}

static int limit_check(const struct region_config *c, char *buf, size_t size)
{
	uint64_t end;

	if (c->limit_bytes == 0 || c->limit_bytes % c->page_size_bytes) {
		snprintf(buf, size,
			 "the limit %" PRIu64
			 " is not a positive multiple of the page size %" PRIu64,
			 c->limit_bytes, c->page_size_bytes);
		return REGION_E_CONFIG;
	}
	if (c->limit_bytes / c->page_size_bytes > PAGEALLOC_LIMIT_NPAGES_MAX) {
		snprintf(buf, size,
			 "the limit has more than 2^36 pages: choose larger pages or a smaller "
			 "limit");
		return REGION_E_CONFIG;
	}
	if (__builtin_add_overflow(c->base_addr, c->limit_bytes, &end)) {
		snprintf(buf, size,
			 "base address %#" PRIx64 " and limit %" PRIu64
			 " together pass the end of the 64-bit addresses",
			 c->base_addr, c->limit_bytes);
		return REGION_E_CONFIG;
	}
	if (c->initial_bytes > c->limit_bytes) {
		snprintf(buf, size, "the initial size %" PRIu64 " is above the limit %" PRIu64,
			 c->initial_bytes, c->limit_bytes);
		return REGION_E_CONFIG;
	}
	return 0;
}

static int holes_check(const struct region_config *c, char *buf, size_t size)
{
	for (uint32_t i = 0; i < c->nholes; i++) {
		const struct region_hole *h = &c->holes[i];

		if (h->bytes == 0 || (h->addr | h->bytes) & (c->page_size_bytes - 1)) {
			snprintf(buf, size,
				 "the reserved range of %" PRIu64 " bytes at %#" PRIx64
				 " does not consist of pages of %" PRIu64 " bytes",
				 h->bytes, h->addr, c->page_size_bytes);
			return REGION_E_CONFIG;
		}
		if (h->addr < c->base_addr || h->addr - c->base_addr >= c->limit_bytes ||
		    h->bytes > c->limit_bytes - (h->addr - c->base_addr)) {
			snprintf(buf, size,
				 "the reserved range of %" PRIu64 " bytes at %#" PRIx64
				 " is not in the region, which goes from %#" PRIx64
				 " up to %#" PRIx64,
				 h->bytes, h->addr, c->base_addr, c->base_addr + c->limit_bytes);
			return REGION_E_CONFIG;
		}
	}
	return 0;
}

int region_config_check(const struct region_config *c, char *buf, size_t size)
{
	int err;

	err = name_check(c->name, buf, size);
	if (err)
		return err;
	err = page_size_check(c, buf, size);
	if (!err)
		err = limit_check(c, buf, size);
	if (!err)
		err = holes_check(c, buf, size);
	if (!err)
		err = region_policy_check(c, buf, size);
	return err ? err : region_backing_check(c, buf, size);
}

static int region_open(struct region *r, const struct region_config *c)
{
	struct pagealloc_config pc = {.limit_npages = r->limit_npages,
				      .origin_npages = r->base_addr >> r->page_shift,
				      .huge_npages = region_huge_npages(c),
				      .best_fit = c->best_fit};
	uint64_t initial = pages_for(c->initial_bytes, r->page_shift);
	int err;

	err = region_policy_init(r, c);
	if (err)
		return err;
	err = pagealloc_new(&pc, &r->pa);
	if (err)
		return err < 0 ? err : REGION_E_CONFIG;
	err = extents_init(&r->extents, r->limit_npages);
	if (!err)
		err = extras_new(&r->extras);
	if (!err)
		err = hold_init(r, c);
	if (err)
		return err;
	if (initial)
		err = region_grow_by(r, initial);
	region_changed(r);
	return err;
}

int region_new(const struct region_config *c, uint32_t id, struct region **ret_region)
{
	struct region *r = mem_zalloc(1, sizeof(*r));
	char why[REGION_FAULT_BYTES];
	int err;

	if (!r)
		return -ENOMEM;
	list_init(&r->pendings);
	r->generation = 1;
	err = region_config_check(c, why, sizeof(why));
	if (!err) {
		r->id = id;
		memcpy(r->name, c->name, sizeof(r->name));
		r->base_addr = c->base_addr;
		r->page_shift = (unsigned)__builtin_ctzll(c->page_size_bytes);
		r->limit_npages = c->limit_bytes >> r->page_shift;
		r->best_fit = c->best_fit;
		r->auto_grow_npages = pages_for(c->auto_grow_bytes, r->page_shift);
		r->backing = c->backing;
		err = region_open(r, c);
	}
	if (err) {
		/* It is the caller's as it was. */
		r->backing = NULL;
		region_destroy(r);
		return err;
	}
	*ret_region = r;
	return 0;
}

void region_destroy(struct region *r)
{
	if (!r)
		return;
	pendings_orphan(r);
	changes_deinit(&r->changes);
	holdings_deinit(&r->holdings);
	extras_destroy(r->extras);
	extents_deinit(&r->extents);
	extents_deinit(&r->busy);
	ranges_deinit(&r->reserved);
	ranges_deinit(&r->drained);
	ranges_deinit(&r->unsaid);
	pagealloc_destroy(r->pa);
	backing_close(r->backing);
	mem_free(r->rules);
	mem_free(r->order);
	mem_free(r);
}

void region_fault(struct region *r, const char *why, ...)
{
	va_list args;

	if (r->faulted)
		return;
	r->faulted = true;
	va_start(args, why);
	vsnprintf(r->fault, sizeof(r->fault), why, args);
	va_end(args);
}

int npages_check(const struct region *r, uint64_t npages, struct region_refusal *refusal)
{
	refusal->asked = npages;
	if (npages == 0)
		return REGION_E_EMPTY;
	if (npages > r->limit_npages) {
		refusal->limit = r->limit_npages;
		return REGION_E_LIMIT;
	}
	return 0;
}

int range_check(const struct region *r, uint64_t addr, uint64_t npages,
		struct region_refusal *refusal)
{
	refusal->addr = addr;
	refusal->asked = npages;
	if (npages == 0)
		return REGION_E_EMPTY;
	if (addr < r->base_addr || region_page(r, addr) >= r->limit_npages)
		return REGION_E_OUT_OF_REGION;
	if ((addr - r->base_addr) & (region_page_size(r) - 1))
		return REGION_E_UNALIGNED;
	if (npages > r->limit_npages - region_page(r, addr)) {
		refusal->addr = region_addr(r, r->limit_npages);
		return REGION_E_OUT_OF_REGION;
	}
	return 0;
}

uint64_t region_end_after(const struct region *r, uint64_t npages)
{
	uint64_t end = chunk_round_up(r->end_npages + npages);

	return end < r->limit_npages ? end : r->limit_npages;
}

int range_add(struct region *r, uint64_t first, uint64_t limit)
{
	int err = extents_commit(&r->extents, limit);

	if (!err)
		err = busy_commit(r, limit);
	if (err)
		return err;
	err = pagealloc_grow(r->pa, first, limit - first);
	if (err < 0)
		return err;
	if (err) {
		region_fault(r, "R1: growing from page %" PRIu64 " to %" PRIu64 " met outcome %d",
			     first, limit, err);
		return REGION_E_FAULTED;
	}
	grown_dirty(r, first, limit);
	hold_take(r, first, chunk_round_up(limit));
	r->grown_npages += limit - first;
	if (limit > r->end_npages)
		r->end_npages = limit;
	r->room++;
	return r->faulted ? REGION_E_FAULTED : 0;
}

static int range_grow(struct region *r, uint64_t first, uint64_t limit)
{
	int err = range_add(r, first, limit);

	if (err)
		return err;
	changes_note_space(&r->changes);
	r->counters.grows++;
	event_range(r, EVENT_GROW, first, limit - first);
	region_changed(r);
	return 0;
}

int region_grow_by(struct region *r, uint64_t npages)
{
	assert(npages <= region_growable_npages(r));
	return range_grow(r, r->end_npages, region_end_after(r, npages));
}

/* Where a range at @addr begins and ends: whole chunks that are not grown. */
static int grow_check(const struct region *r, uint64_t addr, uint64_t npages, uint64_t *ret_first,
		      uint64_t *ret_limit, struct region_refusal *refusal)
{
	uint64_t first, limit, lo, hi;
	int err = range_check(r, addr, npages, refusal);

	if (err)
		return err;
	first = region_page(r, addr);
	if (first % PAGEALLOC_CHUNK_NPAGES)
		return REGION_E_CHUNKS;
	limit = chunk_round_up(first + npages);
	if (pagealloc_next_grown(r->pa, first, &lo, &hi) && lo < limit) {
		refusal->addr = region_addr(r, lo);
		return REGION_E_GROWN;
	}
	*ret_first = first;
	*ret_limit = limit < r->limit_npages ? limit : r->limit_npages;
	return 0;
}

int region_grow(struct region *r, uint64_t addr, uint64_t npages, uint64_t *ret_addr,
		uint64_t *ret_npages, struct region_refusal *ret_refusal)
{
	uint64_t first = r->end_npages, limit = 0;
	int err = 0;

	if (r->faulted)
		return REGION_E_FAULTED;
	ret_refusal->asked = npages;
	if (npages == 0)
		return REGION_E_EMPTY;
	if (addr) {
		err = grow_check(r, addr, npages, &first, &limit, ret_refusal);
	} else if (npages > region_growable_npages(r)) {
		ret_refusal->limit = region_growable_npages(r);
		err = REGION_E_LIMIT;
	} else {
		limit = region_end_after(r, npages);
	}
	if (!err)
		err = range_grow(r, first, limit);
	if (err)
		return err;
	*ret_addr = region_addr(r, first);
	*ret_npages = limit - first;
	return 0;
}

uint64_t region_largest_npages(const struct region *r)
{
	struct pagealloc_stat stat;

	pagealloc_stat(r->pa, &stat);
	return stat.largest_npages;
}

uint32_t region_fragmentation_ppm(const struct region *r)
{
	uint64_t nfree = region_free_npages(r);

	/* At most 2^36 pages, times a million, fit 64 bits. */
	return nfree ? (uint32_t)((nfree - region_largest_npages(r)) * 1000000 / nfree) : 0;
}

void region_count(const struct region *r, uint64_t page, uint64_t npages, uint64_t *ret_grown,
		  uint64_t *ret_used, uint64_t *ret_scavenged)
{
	uint64_t grown = 0, nfree = 0, scavenged = 0;

	if (page < r->end_npages) {
		if (npages > r->end_npages - page)
			npages = r->end_npages - page;
		pagealloc_count(r->pa, page, npages, &grown, &nfree, &scavenged);
	}
	*ret_grown = grown;
	*ret_used = grown - nfree;
	*ret_scavenged = scavenged;
}

size_t region_nranges(const struct region *r)
{
	return pagealloc_nranges(r->pa);
}

void region_range(const struct region *r, size_t i, uint64_t *ret_addr, uint64_t *ret_npages)
{
	uint64_t first, limit;

	pagealloc_range(r->pa, i, &first, &limit);
	if (limit > r->limit_npages)
		limit = r->limit_npages;
	*ret_addr = region_addr(r, first);
	*ret_npages = limit - first;
}
