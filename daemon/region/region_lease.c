/*
 * region_lease - the page-cache blocks of the reference, as extents
 *
 * Role:       see region.h. Each block is taken by pagealloc_cache_fill(), which does what the reference does; what a quota does not
 *             allow is put back, and then nothing has happened.
 * Uses:       base/, pagealloc/, region/
 */
#include "base/bits.h"
#include "region/region.h"
#include "region/region_private.h"

_Static_assert(REGION_BLOCK_NPAGES == 64, "a block is a word of the allocator's bits");

struct lease {
	struct region *r;
	struct holding *h;
	struct scattered *out; /* its addr: pages, until all are taken */
	uint64_t npages;       /* taken so far */
	uint32_t max;
};

/* The lowest run of set bits; cleared in *@bits. */
static uint64_t run_pop(uint64_t *bits, unsigned *ret_at)
{
	unsigned at = bits_ctz(*bits), n = bits_ctz(~(*bits >> at));

	*ret_at = at;
	*bits &= ~bits_mask(at, n);
	return n;
}

/* As pagealloc_cache_fill(), and the region grows where nothing at all is free; not for a second block. */
static int block_fill(struct lease *l, struct pagealloc_cache *ret_block)
{
	const struct pagealloc_request one = {.npages = 1};
	uint64_t npages;
	int err;

	if (!pagealloc_cache_fill(l->r->pa, ret_block))
		return 0;
	err = l->npages ? REGION_E_NO_SPACE : growth_plan(l->r, NULL, &one, &npages);
	if (!err)
		err = region_grow_by(l->r, npages);
	if (!err && pagealloc_cache_fill(l->r->pa, ret_block))
		/* All that has grown is reserved or drained. */
		err = REGION_E_NO_SPACE;
	return err;
}

static bool block_allowed(const struct lease *l, uint64_t bits)
{
	uint64_t starts = bits & ~(bits << 1);

	/* None of what is taken already is the holding's yet. */
	return quota_fits(l->r, l->h, l->npages + bits_count(bits),
			  l->out->n + (uint64_t)bits_count(starts));
}

/* What is pending hears of dirty pages while they are free: the block is put back for that, and found once more. */
static int block_note(const struct lease *l, struct pagealloc_cache *block)
{
	uint64_t bits = block->free_bits, page = block->page, n;
	uint32_t ndirty = l->out->q->ndirty;
	unsigned at;
	int err = 0;

	pagealloc_cache_flush(l->r->pa, block);
	while (!err && bits) {
		n = run_pop(&bits, &at);
		err = pending_note(l->out->q, page + at, n);
	}
	/* Of a block that is not taken nothing may be cleared. */
	if (err)
		l->out->q->ndirty = ndirty;
	if (!err && (pagealloc_cache_fill(l->r->pa, block) || block->page != page)) {
		region_fault(l->r, "R3: the block at page %llu was found, and is not found again",
			     (unsigned long long)page);
		return REGION_E_FAULTED;
	}
	return err;
}

static void run_put(struct lease *l, uint64_t page, uint64_t npages)
{
	struct scattered *out = l->out;

	l->npages += npages;
	if (out->n && out->addr[out->n - 1] + out->npages[out->n - 1] == page) {
		out->npages[out->n - 1] += npages;
		return;
	}
	out->addr[out->n] = page;
	out->npages[out->n++] = npages;
}

static int block_take(struct lease *l, struct region_refusal *refusal)
{
	struct pagealloc_cache block = {0};
	uint64_t bits, n;
	unsigned at;
	int err = block_fill(l, &block);

	if (err)
		return err;
	bits = block.free_bits;
	if (!block_allowed(l, bits)) {
		pagealloc_cache_flush(l->r->pa, &block);
		return l->npages ? REGION_E_QUOTA
				 : quota_refuse(l->r, l->h, bits_count(bits),
						bits_count(bits & ~(bits << 1)), refusal);
	}
	if (l->out->q)
		err = block_note(l, &block);
	if (err)
		return err;
	l->out->scavenged += bits_count(block.scav_bits);
	while (bits) {
		n = run_pop(&bits, &at);
		run_put(l, block.page + at, n);
	}
	return 0;
}

/* The runs become extents, or what is pending. */
static void lease_settle(struct lease *l)
{
	struct scattered *out = l->out;

	if (out->q) {
		for (uint32_t i = 0; i < out->n; i++)
			pending_put(out->q, out->addr[i], out->npages[i], 0);
		out->q->scavenged_npages = out->scavenged;
		return;
	}
	for (uint32_t i = 0; i < out->n; i++) {
		region_extent_add(l->r, l->h, out->addr[i], out->npages[i]);
		out->addr[i] = region_addr(l->r, out->addr[i]);
	}
	extents_taken(l->r, l->h, out->addr, out->npages, out->n);
}

static int lease_refuse(struct lease *l, int err, struct region_refusal *refusal)
{
	const struct pagealloc_request one = {.npages = 1};

	if (err != REGION_E_NO_SPACE)
		return err;
	if (l->r->busy_npages)
		return REGION_E_BUSY;
	return run_refuse(l->r, l->h, NULL, &one, 0, refusal);
}

int lease_alloc(struct region *r, struct owner *o, uint32_t nblocks, struct scattered *out,
		struct region_refusal *refusal)
{
	struct lease l = {.r = r, .out = out};
	int err;

	if (r->faulted)
		return REGION_E_FAULTED;
	err = holding_get(&r->holdings, r, o, &l.h);
	if (!err)
		err = region_quota_check(r, l.h, 1, 1, refusal);
	if (err)
		return err;
	l.max = scatter_most(r, nblocks * REGION_BLOCK_EXTENTS_MAX);
	err = out->q ? busy_reserve(r, l.max) : extents_reserve(&r->extents, l.max);
	while (!err && nblocks--)
		err = block_take(&l, refusal);
	/* What there is, is enough; but a closed region gives nothing. */
	if (err && (!l.npages || err == REGION_E_FAULTED))
		return lease_refuse(&l, err, refusal);
	lease_settle(&l);
	return 0;
}

int region_lease(struct region *r, struct owner *o, uint32_t nblocks, uint64_t *ret_addr,
		 uint64_t *ret_npages, uint32_t *ret_n, uint64_t *ret_scavenged,
		 struct region_refusal *ret_refusal)
{
	struct scattered out = {.addr = ret_addr, .npages = ret_npages};
	int err = lease_alloc(r, o, nblocks, &out, ret_refusal);

	if (err)
		return err;
	*ret_n = out.n;
	*ret_scavenged = out.scavenged;
	return 0;
}
