/*
 * alloc - Allocs that want more than pages
 *
 * Role:       a place, several extents for one entry, names and labels, patience, memory behind the pages.
 * Uses:       rpc/verb.h
 */
#ifndef PALLOCD_RPC_ALLOC_H
#define PALLOCD_RPC_ALLOC_H

#include "rpc/verb.h"

/** alloc_special() - serve the Alloc, of which region, entries and owner have been looked at. What it costs is measured. */
enum pallocd_status alloc_special(struct call *c, struct region *r, struct owner *o);

#endif
