/*
 * config_backing - the keys of a region that are about the memory behind its addresses
 *
 * Role:       what their values mean, and which of them go together; rows of the table in config_region.c.
 * Uses:       service/config.h, service/config_value.h
 */
#ifndef PALLOCD_SERVICE_CONFIG_BACKING_H
#define PALLOCD_SERVICE_CONFIG_BACKING_H

#include <stddef.h>

#include "service/config.h"
#include "service/config_value.h"

/* What a value is worth to a region. @offset: of the field, in struct config_region. Return: 0, CONFIG_E_BAD, -ENOMEM. */
typedef int region_key_set(struct config_region *r, size_t offset, const struct config_value *v);

region_key_set backing_kind_set, backing_path_set, backing_huge_set, backing_numa_set,
	backing_commit_set, backing_retain_set, backing_delay_set, backing_cpu_set;

/** config_backing_defaults() - for a region that says nothing about memory. */
void config_backing_defaults(struct config_region *r);

/**
 * config_backing_settle() - when a place is read: what its keys imply, and what they take away of the place before
 *
 * Return: 0; CONFIG_E_BAD: they contradict each other.
 */
MUST_CHECK int config_backing_settle(struct config_region *r);

/** config_backing_is_memory() - does the key of the field at @offset mean nothing where there is no memory? */
bool config_backing_is_memory(size_t offset);

/** config_backing_check() - when all is read: is anything missing, or without meaning? Return: 0, CONFIG_E_BAD. */
MUST_CHECK int config_backing_check(const struct config_region *r);

/*
 * Of the table in config_region.c, by the field's offset: the key as the place that is being read spells it; its bit in keys_set.
 */
const char *config_region_spelling(const struct config_region *r, size_t offset);
unsigned config_region_bit(size_t offset);

/** config_region_forget() - nobody has told that key. The field is the caller's. */
void config_region_forget(struct config_region *r, size_t offset);

#endif
