/*
 * view - extents as clients see them
 *
 * Role:       shared by the verbs that tell of single extents.
 * Uses:       region/, rpc/call.h
 */
#ifndef PALLOCD_RPC_VIEW_H
#define PALLOCD_RPC_VIEW_H

#include "rpc/call.h"

/* What surrounds an extent in a ListReply: tag and length; and a ListReply in its Reply: id, more, next_addr, tags, length. */
#define LIST_ENTRY_BYTES 3u
#define LIST_REPLY_BYTES 64u

/** view_tell() - what Extent says about @v, whose strings are not copied. */
void view_tell(const struct region_view *v, Pallocd__V1__Extent *ret);

/** view_by_name() - the extent called @name. Return: OK, LIMIT, INVALID, NOT_FOUND. */
MUST_CHECK enum pallocd_status view_by_name(struct call *c, const struct region *r,
					    const char *name, struct region_view *ret);

#endif
