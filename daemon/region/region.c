/*
 * region - making, growing and describing one
 *
 * Role:       see region.h; alloc, free and check have files of their own.
 * Uses:       base/, pagealloc/, region/
 */
#include "region/region.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

int region_config_check(const struct region_config *c, char *buf, size_t size)
{
	int err;

	err = name_check(c->name, buf, size);
	if (err)
		return err;
	err = page_size_check(c, buf, size);
	if (err)
		return err;
	return limit_check(c, buf, size);
}

/* Pages for a size; the remainder counts as one. No overflow: page sizes are powers of two up to 2^30. */
static uint64_t pages_for(uint64_t bytes, unsigned page_shift)
{
	return (bytes >> page_shift) + ((bytes & ((UINT64_C(1) << page_shift) - 1)) != 0);
}

static int region_open(struct region *r, const struct region_config *c)
{
	struct pagealloc_config pc = {.limit_npages = r->limit_npages,
				      .origin_npages = r->base_addr >> r->page_shift};
	uint64_t initial = pages_for(c->initial_bytes, r->page_shift);
	int err;

	err = pagealloc_new(&pc, &r->pa);
	if (err)
		return err < 0 ? err : REGION_E_CONFIG;
	err = extents_init(&r->extents, r->limit_npages);
	if (err)
		return err;
	return initial ? region_grow_by(r, initial) : 0;
}

int region_new(const struct region_config *c, uint32_t id, struct region **ret_region)
{
	struct region *r = mem_zalloc(1, sizeof(*r));
	char why[REGION_FAULT_BYTES];
	int err;

	if (!r)
		return -ENOMEM;
	err = region_config_check(c, why, sizeof(why));
	if (!err) {
		r->id = id;
		memcpy(r->name, c->name, sizeof(r->name));
		r->base_addr = c->base_addr;
		r->page_shift = (unsigned)__builtin_ctzll(c->page_size_bytes);
		r->limit_npages = c->limit_bytes >> r->page_shift;
		r->auto_grow_npages = pages_for(c->auto_grow_bytes, r->page_shift);
		err = region_open(r, c);
	}
	if (err) {
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
	holdings_deinit(&r->holdings);
	extents_deinit(&r->extents);
	pagealloc_destroy(r->pa);
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

static uint64_t chunk_round_up(uint64_t npages)
{
	return (npages + PAGEALLOC_CHUNK_NPAGES - 1) / PAGEALLOC_CHUNK_NPAGES *
	       PAGEALLOC_CHUNK_NPAGES;
}

uint64_t region_end_after(const struct region *r, uint64_t npages)
{
	uint64_t end = chunk_round_up(r->grown_npages + npages);

	return end < r->limit_npages ? end : r->limit_npages;
}

int region_grow_by(struct region *r, uint64_t npages)
{
	uint64_t end = region_end_after(r, npages);
	uint64_t tail = chunk_round_up(end) - end, tail_scavenged;
	int err;

	assert(npages <= region_growable_npages(r));
	err = extents_commit(&r->extents, end);
	if (err)
		return err;
	err = pagealloc_grow(r->pa, r->grown_npages, end - r->grown_npages);
	if (err < 0)
		return err;
	/* R2: the last chunk may reach beyond the limit; nobody shall get that part. */
	if (!err && tail)
		err = pagealloc_alloc_range(r->pa, r->limit_npages, tail, &tail_scavenged);
	if (err) {
		region_fault(r, "R1: growing from page %" PRIu64 " to %" PRIu64 " met outcome %d",
			     r->grown_npages, end, err);
		return REGION_E_FAULTED;
	}
	r->grown_npages = end;
	r->counters.grows++;
	return 0;
}

int region_grow(struct region *r, uint64_t npages, uint64_t *ret_addr, uint64_t *ret_npages,
		struct region_refusal *ret_refusal)
{
	uint64_t before = r->grown_npages;
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	ret_refusal->asked = npages;
	if (npages == 0)
		return REGION_E_EMPTY;
	if (npages > region_growable_npages(r)) {
		ret_refusal->limit = region_growable_npages(r);
		return REGION_E_LIMIT;
	}
	err = region_grow_by(r, npages);
	if (err)
		return err;
	*ret_addr = region_addr(r, before);
	*ret_npages = r->grown_npages - before;
	return 0;
}

uint64_t region_largest_npages(const struct region *r)
{
	struct pagealloc_stat stat;

	pagealloc_stat(r->pa, &stat);
	return stat.largest_npages;
}

void region_count(const struct region *r, uint64_t page, uint64_t npages, uint64_t *ret_grown,
		  uint64_t *ret_used)
{
	uint64_t grown = 0, nfree = 0;

	if (page < r->grown_npages) {
		if (npages > r->grown_npages - page)
			npages = r->grown_npages - page;
		pagealloc_count(r->pa, page, npages, &grown, &nfree);
	}
	*ret_grown = grown;
	*ret_used = grown - nfree;
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
