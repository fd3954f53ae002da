/*
 * nodes - sets of memory nodes
 *
 * Role:       see nodes.h.
 * Uses:       base/
 */
#include "backing/nodes.h"

#include <string.h>

#include "base/bits.h"

/* A number without sign, below BACKING_NODES_MAX. */
static bool node_parse(const char **at, unsigned *ret_node)
{
	unsigned n = 0;
	const char *p = *at;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (unsigned)(*p - '0');
		if (n >= BACKING_NODES_MAX)
			return false;
	}
	*at = p;
	*ret_node = n;
	return true;
}

bool nodes_parse(const char *text, uint64_t ret_nodes[static BACKING_NODES_MAX / 64])
{
	uint64_t nodes[BACKING_NODES_MAX / 64] = {0};
	unsigned first, last;

	for (;;) {
		if (!node_parse(&text, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!node_parse(&text, &last) || last < first)
				return false;
		}
		for (unsigned i = first; i <= last; i++)
			nodes[i / 64] |= UINT64_C(1) << i % 64;
		if (*text != ',')
			break;
		text++;
	}
	if (text[strspn(text, " \t\n")])
		return false;
	memcpy(ret_nodes, nodes, sizeof(nodes));
	return true;
}

unsigned nodes_count(const uint64_t nodes[static BACKING_NODES_MAX / 64])
{
	unsigned n = 0;

	for (unsigned i = 0; i < BACKING_NODES_MAX / 64; i++)
		n += bits_count(nodes[i]);
	return n;
}
