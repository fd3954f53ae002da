/*
 * nodes - sets of memory nodes, as people and the kernel write them
 *
 * Role:       "0-1,3" to bits and back.
 * Uses:       backing/backing.h
 */
#ifndef PALLOCD_BACKING_NODES_H
#define PALLOCD_BACKING_NODES_H

#include <stdbool.h>

#include "backing/backing.h"

/** nodes_parse() - "0", "0-1,3"; blanks at the end do not count. Return: false: that is no list, or has nodes from BACKING_NODES_MAX on; nothing is written. */
MUST_CHECK bool nodes_parse(const char *text, uint64_t ret_nodes[static BACKING_NODES_MAX / 64]);

/** nodes_count() - how many are in it. */
unsigned nodes_count(const uint64_t nodes[static BACKING_NODES_MAX / 64]);

#endif
