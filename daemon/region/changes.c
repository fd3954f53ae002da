/*
 * changes - what of the regions' truth is not written down yet
 *
 * Role:       see changes.h.
 * Uses:       base/
 */
#include "region/changes.h"

#include <stdlib.h>

#include "base/mem.h"

/* Pages that are noted at the most: beyond it, writing all extents again costs no more. */
#define CHANGES_MAX (UINT32_C(1) << 20)
#define CHANGES_MIN 64u
/* What is kept when they are written. */
#define CHANGES_KEPT 4096u

void changes_note_slow(struct changes *c, uint64_t page)
{
	uint32_t size = c->size ? 2 * c->size : CHANGES_MIN;
	uint64_t *pages;

	if (c->all)
		return;
	pages = size <= CHANGES_MAX ? mem_resize(c->pages, size, sizeof(*pages)) : NULL;
	if (!pages) {
		c->all = true;
		return;
	}
	c->pages = pages;
	c->size = size;
	c->pages[c->n++] = page;
}

static int page_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void changes_sort(struct changes *c)
{
	uint32_t n = 0;

	if (c->n < 2)
		return;
	qsort(c->pages, c->n, sizeof(*c->pages), page_compare);
	for (uint32_t i = 1; i < c->n; i++) {
		if (c->pages[i] != c->pages[n])
			c->pages[++n] = c->pages[i];
	}
	c->n = n + 1;
}

void changes_clear(struct changes *c)
{
	c->n = 0;
	c->space = c->all = false;
	if (c->size > CHANGES_KEPT) {
		mem_free(take_ptr(c->pages));
		c->size = 0;
	}
}

void changes_deinit(struct changes *c)
{
	mem_free(c->pages);
	*c = (struct changes){0};
}
