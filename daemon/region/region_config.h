/*
 * region_config - what a region is made from
 *
 * Role:       says where it lies, how far it may grow, what becomes of what its sessions leave, what holders may have, and what is behind
 *             its pages; and whether there can be such a region.
 * Uses:       region/access.h
 */
#ifndef PALLOCD_REGION_REGION_CONFIG_H
#define PALLOCD_REGION_REGION_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"
#include "region/access.h"

#define REGION_NAME_BYTES_MAX 63u
#define REGION_PAGE_BYTES_MAX (UINT64_C(1) << 30)
#define REGION_HOLES_MAX 16u /* that the configuration may name */
#define REGION_USER_EXTENTS_DEFAULT (UINT64_C(1) << 20)

struct backing;

/* A range that nobody may ever get, in bytes; told by the configuration. */
struct region_hole {
	uint64_t addr, bytes;
};

/* What becomes of the extents of a session that has ended; the wire's enum DeathPolicy has the same values. */
enum region_death {
	REGION_DEATH_FREE,
	REGION_DEATH_QUARANTINE,
	REGION_DEATH_KEEP,
};

/* How long truth about a region lives; the wire's enum Durability has the same values. */
enum region_durability {
	REGION_DURABILITY_NONE,    /* as long as the process */
	REGION_DURABILITY_PROCESS, /* until the system goes down */
	REGION_DURABILITY_MACHINE, /* always */
};
#define REGION_DURABILITIES 3

struct region_config {
	char name[REGION_NAME_BYTES_MAX + 1];
	uint64_t base_addr;
	uint64_t page_size_bytes;
	uint64_t limit_bytes;
	uint64_t initial_bytes;   /* grown at start */
	uint64_t auto_grow_bytes; /* 0: an alloc never grows the region */
	bool best_fit;            /* keep what the strategy PAGEALLOC_BEST needs */
	struct region_hole holes[REGION_HOLES_MAX];
	uint32_t nholes;
	enum region_death death;
	enum region_durability durability;
	uint64_t quarantine_usec;
	uint64_t user_bytes, session_bytes; /* quotas; 0: none */
	uint64_t user_extents,
		session_extents; /* the same; user_extents 0: REGION_USER_EXTENTS_DEFAULT */
	uint64_t low_bytes;      /* EVENT_SPACE_LOW below; 0: never */
	struct access_rule rules[ACCESS_RULES_MAX];
	uint32_t nrules;
	struct backing
		*backing; /* becomes the region's with region_new(), on success; NULL: nothing */
	bool commit_now;  /* what an Alloc gets that does not say */
	bool sanitize;    /* pages are cleared before anybody gets them */
	uint32_t retain_percent; /* see struct region_scavenge_policy, pending.h */
	uint64_t scavenge_delay_usec;
	uint32_t
		scavenge_cpu_ppm; /* millionths of one processor that the scavenger may use; 0: no limit */
};

/**
 * region_config_check() - can there be such a region?
 * @buf: receives one sentence for people, what is wrong and what would be right
 *
 * Return: 0, REGION_E_CONFIG of region.h.
 */
MUST_CHECK int region_config_check(const struct region_config *c, char *buf, size_t size);

#endif
