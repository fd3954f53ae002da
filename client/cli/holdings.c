/*
 * holdings - who holds which pages of a region, as far as a recording knows
 *
 * Role:       see holdings.h.
 * Uses:       libc
 */
#include "client/cli/holdings.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>

/* Ranges that meet are equal: that is how the tree finds them. */
static int by_place(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return x->end <= y->begin ? -1 : x->begin >= y->end;
}

bool holder_is(const struct holder *a, const struct holder *b)
{
	return a->detached == b->detached && a->number == b->number;
}

void holdings_deinit(struct holdings *h)
{
	tdestroy(h->tree, free);
	h->tree = NULL;
}

int holdings_put(struct holdings *h, const struct held *x)
{
	struct held *new = malloc(sizeof(*new));

	if (!new)
		return -ENOMEM;
	*new = *x;
	if (tsearch(new, &h->tree, by_place))
		return 0;
	free(new);
	return -ENOMEM;
}

/* Some range that meets [@begin, @end) is found first; then whether there is a lower one. */
static struct held *lowest(const struct holdings *h, uint64_t begin, uint64_t end)
{
	struct held key = {.begin = begin, .end = end}, *found = NULL;
	void *node;

	while (key.begin < key.end && (node = tfind(&key, &h->tree, by_place))) {
		found = *(struct held **)node;
		key.end = found->begin;
	}
	return found;
}

int holdings_cut(struct holdings *h, uint64_t begin, uint64_t end, struct held *ret)
{
	struct held *x = lowest(h, begin, end), was;

	if (!x)
		return 0;
	was = *x;
	if (end < was.end) {
		struct held upper = was;

		/* Above what is left of @x, which must not meet it when it is put in. */
		upper.first += end - was.begin;
		upper.begin = end;
		x->end = end;
		if (holdings_put(h, &upper)) {
			x->end = was.end;
			return -ENOMEM;
		}
	}
	*ret = was;
	if (begin > was.begin) {
		ret->first += begin - was.begin;
		ret->begin = begin;
		x->end = begin;
	} else {
		tdelete(x, &h->tree, by_place);
		free(x);
	}
	if (end < was.end)
		ret->end = end;
	return 1;
}

/* What twalk_r() hands on. */
struct gather {
	size_t n;
	struct held *to; /* NULL: only count */
};

static void gather_each(const void *node, VISIT visit, void *ctx)
{
	struct gather *g = ctx;

	if (visit != postorder && visit != leaf)
		return;
	if (g->to)
		g->to[g->n] = **(struct held *const *)node;
	g->n++;
}

int holdings_all(const struct holdings *h, struct held **ret, size_t *ret_n)
{
	struct gather g = {0};

	*ret = NULL;
	*ret_n = 0;
	twalk_r(h->tree, gather_each, &g);
	if (!g.n)
		return 0;
	g.to = calloc(g.n, sizeof(*g.to));
	if (!g.to)
		return -ENOMEM;
	g.n = 0;
	twalk_r(h->tree, gather_each, &g);
	*ret = g.to;
	*ret_n = g.n;
	return 0;
}
