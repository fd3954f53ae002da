/*
 * runindex - a B+ tree of free runs by length
 *
 * Role:       see runindex.h.
 * Uses:       base/mem.h
 *
 * In an inner node keys[i] parts children i and i + 1: below are smaller keys, at or above it the others. It need not be a key
 * that is still there.
 */
#include "pagealloc/runindex.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Half of the smallest inner node to the power of it is more than 2^35 runs can need; the toy nodes of the tests are low. */
#define HEIGHT_MAX 24

#define NKEYS_MIN (RUNINDEX_NKEYS / 2)
#define NCHILDREN_MIN (RUNINDEX_NCHILDREN / 2)

struct runindex_node {
	uint32_t n;    /* leaf: keys; inner: children */
	uint32_t next; /* leaf: the next one; free: the next free one */
	union {
		uint64_t keys[RUNINDEX_NKEYS];
		struct {
			uint64_t keys[RUNINDEX_NCHILDREN - 1];
			uint32_t children[RUNINDEX_NCHILDREN];
		} inner;
	};
};

/* The way from the root to a leaf: at each inner level the node and which of its children was taken. */
struct path {
	uint32_t node[HEIGHT_MAX];
	uint32_t slot[HEIGHT_MAX];
	uint32_t leaf;
};

static struct runindex_node *node_at(const struct runindex *x, uint32_t i)
{
	return &x->nodes[i];
}

/* Nodes that suffice whatever the order of changes: runs / half a leaf, and the inner ones above them. */
static uint64_t nodes_for(uint64_t npages)
{
	uint64_t leaves = (npages / 2 + 1) / NKEYS_MIN + 1;

	return leaves + leaves / (NCHILDREN_MIN - 1) + HEIGHT_MAX + 1;
}

int runindex_init(struct runindex *x, uint64_t limit_npages)
{
	uint64_t n = nodes_for(limit_npages);

	*x = (struct runindex){0};
	if (n > UINT32_MAX)
		return -ENOMEM;
	x->nodes = mem_reserve(n * sizeof(*x->nodes));
	if (!x->nodes)
		return -ENOMEM;
	x->nnodes_max = (uint32_t)n;
	if (runindex_commit(x, 0)) {
		runindex_deinit(x);
		return -ENOMEM;
	}
	runindex_clear(x);
	return 0;
}

void runindex_deinit(struct runindex *x)
{
	mem_unreserve(x->nodes, x->nnodes_max * sizeof(*x->nodes));
	*x = (struct runindex){0};
}

static uint32_t node_take(struct runindex *x)
{
	uint32_t i = x->free;

	if (i)
		x->free = node_at(x, i)->next;
	else
		i = x->nnodes_touched++;
	node_at(x, i)->n = 0;
	node_at(x, i)->next = 0;
	return i;
}

static void node_give(struct runindex *x, uint32_t i)
{
	node_at(x, i)->next = x->free;
	x->free = i;
}

void runindex_clear(struct runindex *x)
{
	x->nnodes_touched = 1;
	x->free = 0;
	x->height = 0;
	x->nruns = 0;
	x->root = node_take(x);
}

int runindex_commit(struct runindex *x, uint64_t grown_npages)
{
	uint64_t n = nodes_for(grown_npages);
	int err;

	if (n <= x->nnodes_usable)
		return 0;
	err = mem_commit(x->nodes, n * sizeof(*x->nodes));
	if (err)
		return err;
	x->nnodes_usable = (uint32_t)n;
	return 0;
}

/* How many of @n keys are below @key; where @with is set, at or below it. */
static uint32_t rank(const uint64_t *keys, uint32_t n, uint64_t key, bool with)
{
	uint32_t lo = 0;

	while (n) {
		uint32_t half = n / 2;

		if (keys[lo + half] < key || (with && keys[lo + half] == key)) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo;
}

static void descend(const struct runindex *x, uint64_t key, struct path *p)
{
	uint32_t i = x->root;

	for (unsigned level = 0; level < x->height; level++) {
		const struct runindex_node *node = node_at(x, i);

		p->node[level] = i;
		p->slot[level] = rank(node->inner.keys, node->n - 1, key, true);
		i = node->inner.children[p->slot[level]];
	}
	p->leaf = i;
}

static void keys_move(uint64_t *to, const uint64_t *from, uint32_t n)
{
	memmove(to, from, n * sizeof(*to));
}

static void children_move(uint32_t *to, const uint32_t *from, uint32_t n)
{
	memmove(to, from, n * sizeof(*to));
}

/* Child @child, whose keys are at or above @key, comes right behind the child in @slot. There is room. */
static void inner_insert(struct runindex_node *node, uint32_t slot, uint64_t key, uint32_t child)
{
	keys_move(&node->inner.keys[slot + 1], &node->inner.keys[slot], node->n - 1 - slot);
	children_move(&node->inner.children[slot + 2], &node->inner.children[slot + 1],
		      node->n - 1 - slot);
	node->inner.keys[slot] = key;
	node->inner.children[slot + 1] = child;
	node->n++;
}

/* The child behind @slot goes, with the key in front of it. */
static void inner_remove(struct runindex_node *node, uint32_t slot)
{
	keys_move(&node->inner.keys[slot], &node->inner.keys[slot + 1], node->n - 2 - slot);
	children_move(&node->inner.children[slot + 1], &node->inner.children[slot + 2],
		      node->n - 2 - slot);
	node->n--;
}

/* The upper half of a full inner node becomes a node of its own. Return: it; @ret_key: what parts the two. */
static uint32_t inner_split(struct runindex *x, uint32_t i, uint64_t *ret_key)
{
	uint32_t upper = node_take(x);
	struct runindex_node *lo = node_at(x, i), *hi = node_at(x, upper);
	uint32_t keep = lo->n / 2;

	hi->n = lo->n - keep;
	children_move(hi->inner.children, &lo->inner.children[keep], hi->n);
	keys_move(hi->inner.keys, &lo->inner.keys[keep], hi->n - 1);
	*ret_key = lo->inner.keys[keep - 1];
	lo->n = keep;
	return upper;
}

static uint32_t leaf_split(struct runindex *x, uint32_t i, uint64_t *ret_key)
{
	uint32_t upper = node_take(x);
	struct runindex_node *lo = node_at(x, i), *hi = node_at(x, upper);
	uint32_t keep = lo->n / 2;

	hi->n = lo->n - keep;
	keys_move(hi->keys, &lo->keys[keep], hi->n);
	hi->next = lo->next;
	lo->next = upper;
	lo->n = keep;
	*ret_key = hi->keys[0];
	return upper;
}

static void leaf_insert(struct runindex_node *leaf, uint64_t key)
{
	uint32_t at = rank(leaf->keys, leaf->n, key, false);

	keys_move(&leaf->keys[at + 1], &leaf->keys[at], leaf->n - at);
	leaf->keys[at] = key;
	leaf->n++;
}

/* A new root above the old one and its new neighbour. */
static void root_add(struct runindex *x, uint64_t key, uint32_t upper)
{
	uint32_t root = node_take(x);
	struct runindex_node *node = node_at(x, root);

	node->n = 2;
	node->inner.children[0] = x->root;
	node->inner.children[1] = upper;
	node->inner.keys[0] = key;
	x->root = root;
	x->height++;
}

/* Node @upper, whose keys are at or above @key, was split off at the end of the path @p. */
static void upper_hang_in(struct runindex *x, const struct path *p, uint64_t key, uint32_t upper)
{
	for (unsigned level = x->height; level-- > 0;) {
		struct runindex_node *node = node_at(x, p->node[level]);
		uint32_t slot = p->slot[level], split;
		uint64_t split_key;

		if (node->n < RUNINDEX_NCHILDREN) {
			inner_insert(node, slot, key, upper);
			return;
		}
		split = inner_split(x, p->node[level], &split_key);
		if (slot < node->n)
			inner_insert(node, slot, key, upper);
		else
			inner_insert(node_at(x, split), slot - node->n, key, upper);
		key = split_key;
		upper = split;
	}
	root_add(x, key, upper);
}

void runindex_add(struct runindex *x, uint64_t first, uint64_t npages)
{
	uint64_t key = runindex_key(first, npages), split_key;
	struct path p;
	uint32_t upper;

	descend(x, key, &p);
	x->nruns++;
	if (node_at(x, p.leaf)->n < RUNINDEX_NKEYS) {
		leaf_insert(node_at(x, p.leaf), key);
		return;
	}
	upper = leaf_split(x, p.leaf, &split_key);
	leaf_insert(node_at(x, key < split_key ? p.leaf : upper), key);
	upper_hang_in(x, &p, split_key, upper);
}

/*
 * Leaves @lo and @hi are neighbours, one of them is less than half full. Return: true if @lo has taken all; otherwise *@ret_key
 * parts them now.
 */
static bool leaves_even(struct runindex_node *lo, struct runindex_node *hi, uint64_t *ret_key)
{
	uint32_t n = lo->n + hi->n;

	if (n <= RUNINDEX_NKEYS) {
		keys_move(&lo->keys[lo->n], hi->keys, hi->n);
		lo->n = n;
		lo->next = hi->next;
		return true;
	}
	if (lo->n < hi->n) {
		uint32_t m = n / 2 - lo->n;

		keys_move(&lo->keys[lo->n], hi->keys, m);
		keys_move(hi->keys, &hi->keys[m], hi->n - m);
		lo->n += m;
		hi->n -= m;
	} else {
		uint32_t m = n / 2 - hi->n;

		keys_move(&hi->keys[m], hi->keys, hi->n);
		keys_move(hi->keys, &lo->keys[lo->n - m], m);
		lo->n -= m;
		hi->n += m;
	}
	*ret_key = hi->keys[0];
	return false;
}

/* The same for inner nodes; @key parts them at first. */
static bool inners_even(struct runindex_node *lo, struct runindex_node *hi, uint64_t key,
			uint64_t *ret_key)
{
	uint32_t n = lo->n + hi->n;
	uint64_t keys[2 * RUNINDEX_NCHILDREN];
	uint32_t children[2 * RUNINDEX_NCHILDREN];

	/* All in a row, with the key between the two nodes. */
	keys_move(keys, lo->inner.keys, lo->n - 1);
	keys[lo->n - 1] = key;
	keys_move(&keys[lo->n], hi->inner.keys, hi->n - 1);
	children_move(children, lo->inner.children, lo->n);
	children_move(&children[lo->n], hi->inner.children, hi->n);
	lo->n = n <= RUNINDEX_NCHILDREN ? n : n / 2;
	hi->n = n - lo->n;
	keys_move(lo->inner.keys, keys, lo->n - 1);
	children_move(lo->inner.children, children, lo->n);
	if (hi->n == 0)
		return true;
	keys_move(hi->inner.keys, &keys[lo->n], hi->n - 1);
	children_move(hi->inner.children, &children[lo->n], hi->n);
	*ret_key = keys[lo->n - 1];
	return false;
}

/* The child in the path's slot of an inner node is less than half full. Return: true if a child is gone. */
static bool child_mend(struct runindex *x, const struct path *p, unsigned level)
{
	struct runindex_node *node = node_at(x, p->node[level]);
	uint32_t left = p->slot[level] ? p->slot[level] - 1 : 0; /* it and the one behind it */
	uint32_t upper = node->inner.children[left + 1];
	struct runindex_node *lo = node_at(x, node->inner.children[left]), *hi = node_at(x, upper);
	uint64_t *key = &node->inner.keys[left];
	bool gone = level + 1 == x->height ? leaves_even(lo, hi, key)
					   : inners_even(lo, hi, *key, key);

	if (gone) {
		node_give(x, upper);
		inner_remove(node, left);
	}
	return gone;
}

void runindex_remove(struct runindex *x, uint64_t first, uint64_t npages)
{
	uint64_t key = runindex_key(first, npages);
	struct runindex_node *leaf;
	struct path p;
	uint32_t at;

	descend(x, key, &p);
	leaf = node_at(x, p.leaf);
	at = rank(leaf->keys, leaf->n, key, false);
	if (at == leaf->n || leaf->keys[at] != key)
		return; /* nothing to remove; runindex_check() and the allocator's P8 will say so */
	keys_move(&leaf->keys[at], &leaf->keys[at + 1], leaf->n - at - 1);
	leaf->n--;
	x->nruns--;
	if (leaf->n >= NKEYS_MIN)
		return;
	for (unsigned level = x->height; level-- > 0;) {
		if (!child_mend(x, &p, level))
			return;
		if (node_at(x, p.node[level])->n >= NCHILDREN_MIN)
			return;
	}
	/* A root with one child is none. */
	if (x->height && node_at(x, x->root)->n == 1) {
		uint32_t root = x->root;

		x->root = node_at(x, root)->inner.children[0];
		x->height--;
		node_give(x, root);
	}
}

struct runindex_at runindex_seek(const struct runindex *x, uint64_t key)
{
	struct runindex_at at;
	struct path p;

	descend(x, key, &p);
	at.leaf = p.leaf;
	at.slot = rank(node_at(x, p.leaf)->keys, node_at(x, p.leaf)->n, key, false);
	if (at.slot == node_at(x, at.leaf)->n)
		at = (struct runindex_at){node_at(x, at.leaf)->next, 0};
	return at;
}

bool runindex_get(const struct runindex *x, struct runindex_at at, uint64_t *ret_first,
		  uint64_t *ret_npages)
{
	uint64_t key;

	if (!at.leaf)
		return false;
	key = node_at(x, at.leaf)->keys[at.slot];
	*ret_first = key & ((UINT64_C(1) << RUNINDEX_PAGE_BITS) - 1);
	*ret_npages = key >> RUNINDEX_PAGE_BITS;
	return true;
}

void runindex_next(const struct runindex *x, struct runindex_at *at)
{
	if (++at->slot == node_at(x, at->leaf)->n)
		*at = (struct runindex_at){node_at(x, at->leaf)->next, 0};
}

bool runindex_has(const struct runindex *x, uint64_t first, uint64_t npages)
{
	uint64_t key = runindex_key(first, npages);
	const struct runindex_node *leaf;
	struct path p;
	uint32_t at;

	descend(x, key, &p);
	leaf = node_at(x, p.leaf);
	at = rank(leaf->keys, leaf->n, key, false);
	return at < leaf->n && leaf->keys[at] == key;
}

uint64_t runindex_bytes(const struct runindex *x)
{
	return (uint64_t)x->nnodes_touched * sizeof(*x->nodes);
}

struct check {
	const struct runindex *x;
	char *buf;
	size_t size;
	uint64_t n;
	uint32_t leaf; /* the last one seen */
};

static bool broken(const struct check *c, const char *what, uint32_t node)
{
	snprintf(c->buf, c->size, "%s: node %" PRIu32, what, node);
	return false;
}

/* The subtree @i, whose keys must lie in [@lo, @hi]. */
static bool node_check(struct check *c, uint32_t i, unsigned level, uint64_t lo, uint64_t hi)
{
	const struct runindex_node *node = node_at(c->x, i);
	bool is_leaf = level == c->x->height;
	uint32_t nkeys = is_leaf ? node->n : node->n - 1;
	const uint64_t *keys = is_leaf ? node->keys : node->inner.keys;

	if (node->n > (is_leaf ? RUNINDEX_NKEYS : RUNINDEX_NCHILDREN) ||
	    (i != c->x->root && node->n < (is_leaf ? NKEYS_MIN : NCHILDREN_MIN)) ||
	    (!is_leaf && node->n < 2))
		return broken(c, "N2: too many or too few", i);
	for (uint32_t k = 0; k < nkeys; k++)
		if (keys[k] < lo || keys[k] > hi || (k && keys[k] <= keys[k - 1]))
			return broken(c, "N1: keys out of order", i);
	if (is_leaf) {
		if (c->leaf && node_at(c->x, c->leaf)->next != i)
			return broken(c, "N1: not chained", i);
		c->leaf = i;
		c->n += node->n;
		return true;
	}
	for (uint32_t k = 0; k < node->n; k++)
		if (!node_check(c, node->inner.children[k], level + 1, k ? keys[k - 1] : lo,
				k + 1 < node->n ? keys[k] - 1 : hi))
			return false;
	return true;
}

bool runindex_check(const struct runindex *x, char *buf, size_t size)
{
	struct check c = {.x = x, .buf = buf, .size = size};

	if (!node_check(&c, x->root, 0, 0, UINT64_MAX))
		return false;
	if (node_at(x, c.leaf)->next)
		return broken(&c, "N1: the last leaf has a successor", c.leaf);
	return c.n == x->nruns || broken(&c, "N3: nruns is wrong", x->root);
}
