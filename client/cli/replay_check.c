/*
 * replay_check - no page is handed out twice
 *
 * Role:       one bit per page of the region, independent of everything that the daemon keeps.
 * Uses:       replay.h
 * Limits:     address space for the whole region's limit: 8 GiB of it at 2^36 pages, used only where pages are.
 */
#include "client/cli/replay.h"

#include <stdlib.h>
#include <sys/mman.h>

struct check {
	uint64_t base_addr;
	uint64_t page_size_bytes;
	uint64_t npages;
	size_t map_bytes;
	uint64_t *words;
};

struct check *check_new(const struct paclient_region *region)
{
	struct check *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->base_addr = region->base_addr;
	c->page_size_bytes = region->page_size_bytes;
	c->npages = region->limit_npages;
	c->map_bytes = (size_t)(c->npages / 64 + 1) * 8;
	c->words = mmap(NULL, c->map_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c->words == MAP_FAILED) {
		free(c);
		return NULL;
	}
	return c;
}

void check_free(struct check *c)
{
	if (c)
		munmap(c->words, c->map_bytes);
	free(c);
}

/* The bits of one word that belong to [first, end). */
static uint64_t mask(uint64_t word, uint64_t first, uint64_t end)
{
	uint64_t m = UINT64_MAX;

	if (first / 64 == word)
		m &= UINT64_MAX << first % 64;
	if (end / 64 == word)
		m &= (UINT64_C(1) << end % 64) - 1;
	return m;
}

const char *check_alloc(struct check *c, uint64_t addr, uint64_t npages)
{
	uint64_t first = (addr - c->base_addr) / c->page_size_bytes, end = first + npages;

	if (addr < c->base_addr || (addr - c->base_addr) % c->page_size_bytes)
		return "the address is not that of a page";
	if (first >= c->npages || npages > c->npages - first)
		return "the extent ends behind the region";
	for (uint64_t word = first / 64; word * 64 < end; word++) {
		uint64_t m = mask(word, first, end);

		if (c->words[word] & m)
			return "some page of the extent is held already";
		c->words[word] |= m;
	}
	return NULL;
}

void check_give_back(struct check *c, uint64_t addr, uint64_t npages)
{
	uint64_t first = (addr - c->base_addr) / c->page_size_bytes, end = first + npages;

	for (uint64_t word = first / 64; word * 64 < end; word++)
		c->words[word] &= ~mask(word, first, end);
}
