/*
 * region_update - another configuration for a region that is being used; and its end
 *
 * Role:       takes what may change in a region that has extents: quotas, access, what becomes of ended sessions' extents, memory's policy, a higher limit.
 *             In two steps, so that several regions change together or not at all. Closes a region that holds nothing.
 * Uses:       base/, pagealloc/, region/
 */
#ifndef PALLOCD_REGION_REGION_UPDATE_H
#define PALLOCD_REGION_REGION_UPDATE_H

#include "region/session.h"

struct region_update;

/**
 * region_update_prepare() - all that can fail about giving @r the configuration @c
 * @c: its base, page size, holes, durability and backing are those of @r, its limit is no lower, and the backing is as long
 *
 * Nobody sees anything of it. Return: 0; REGION_E_BUSY: the limit can be raised when nothing is busy any more; REGION_E_FAULTED,
 * REGION_E_CONFIG: it cannot; -ENOMEM. Given back with region_update_apply() or region_update_free().
 */
MUST_CHECK int region_update_prepare(struct region *r, const struct region_config *c,
				     struct region_update **ret_update);

/**
 * region_update_apply() - @u is in force, and gone
 *
 * Extents stay, also above a quota. The rights of sessions are the caller's to renew.
 */
void region_update_apply(struct region_update *u);
void region_update_free(struct region_update *u);

/** region_busy() - are pages on their way somewhere? Such a region can be neither closed nor raised; it is soon over. */
bool region_busy(const struct region *r);

/** region_holders() - how many sessions and users hold something in @r. */
void region_holders(const struct region *r, uint32_t *ret_nsessions, uint32_t *ret_nusers);

/** region_stub_new() - what takes the place of @r when it is closed. Return: 0, -ENOMEM. Given back with region_close() or region_destroy(). */
MUST_CHECK int region_stub_new(const struct region *r, struct region **ret_stub);

/**
 * region_close() - @r, which has no extents and is not busy, is no region any more: its id stays taken, nothing finds it by name or number
 *
 * Return: its backing, which is the caller's to close when no descriptor of it is on its way; or NULL.
 */
struct backing *region_close(struct regions *rs, struct region *r, struct region *stub);

/** regions_undo_add() - the region that regions_add() added last was never there; its backing is closed. No session has used it. */
void regions_undo_add(struct regions *rs);

#endif
