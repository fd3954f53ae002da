/*
 * region_policy - what the configuration says about those who use a region
 *
 * Role:       quotas, what becomes of ended sessions' extents, the low mark, who may what: checked, and copied into the region.
 * Uses:       base/, region/
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backing/backing.h"
#include "base/mem.h"
#include "region/region.h"
#include "region/region_private.h"

/* The kernel's, on the machines that we know. */
#define HUGE_PAGE_BYTES (UINT64_C(2) << 20)

static int death_check(const struct region_config *c, char *buf, size_t size)
{
	switch (c->death) {
	case REGION_DEATH_FREE:
	case REGION_DEATH_KEEP:
		return 0;
	case REGION_DEATH_QUARANTINE:
		if (c->quarantine_usec)
			return 0;
		snprintf(buf, size,
			 "a quarantine of no time is none: give it a time, or free the extents of "
			 "dead sessions at once");
		return REGION_E_CONFIG;
	}
	snprintf(buf, size, "there is no death policy %d", (int)c->death);
	return REGION_E_CONFIG;
}

static int durability_check(const struct region_config *c, char *buf, size_t size)
{
	if ((unsigned)c->durability < REGION_DURABILITIES)
		return 0;
	snprintf(buf, size, "there is no durability %d", (int)c->durability);
	return REGION_E_CONFIG;
}

/* @what: "user" or "session". */
static int quota_check(const struct region_config *c, const char *what, uint64_t bytes, char *buf,
		       size_t size)
{
	if (bytes == 0 || bytes >= c->page_size_bytes)
		return 0;
	snprintf(buf, size,
		 "the quota of %" PRIu64 " bytes for a %s is less than one page of %" PRIu64
		 " bytes: nobody could hold anything",
		 bytes, what, c->page_size_bytes);
	return REGION_E_CONFIG;
}

static int low_check(const struct region_config *c, char *buf, size_t size)
{
	if (c->low_bytes <= c->limit_bytes)
		return 0;
	snprintf(buf, size,
		 "the low mark %" PRIu64 " is above the limit %" PRIu64
		 ": space would always be low",
		 c->low_bytes, c->limit_bytes);
	return REGION_E_CONFIG;
}

static int rules_check(const struct region_config *c, char *buf, size_t size)
{
	if (c->nrules > ACCESS_RULES_MAX) {
		snprintf(buf, size, "a region may have %u access rules, not %" PRIu32,
			 ACCESS_RULES_MAX, c->nrules);
		return REGION_E_CONFIG;
	}
	for (uint32_t i = 0; i < c->nrules; i++) {
		/* None at all is allowed: such a rule takes ACCESS_DEFAULT away. */
		if (!(c->rules[i].rights & ~ACCESS_ALL))
			continue;
		snprintf(buf, size, "access rule %" PRIu32 " grants rights that there are not",
			 i + 1);
		return REGION_E_CONFIG;
	}
	return 0;
}

/* Half of a page cannot be given back. */
int region_backing_check(const struct region_config *c, char *buf, size_t size)
{
	const struct backing_info *info = c->backing ? backing_info(c->backing) : NULL;

	if (c->retain_percent > 100) {
		snprintf(buf, size,
			 "free pages cannot retain %" PRIu32 " percent of the peak: 100 is most",
			 c->retain_percent);
		return REGION_E_CONFIG;
	}
	if (info && (info->page_bytes == 0 || c->page_size_bytes % info->page_bytes)) {
		snprintf(buf, size,
			 "the page size %" PRIu64 " is no multiple of the pages of %" PRIu64
			 " bytes that its %s comes in: choose larger pages",
			 c->page_size_bytes, info->page_bytes, backing_kind_name(info->kind));
		return REGION_E_CONFIG;
	}
	if (info && info->bytes < c->limit_bytes) {
		snprintf(buf, size,
			 "the %s behind it has %" PRIu64 " bytes, but the limit is %" PRIu64,
			 backing_kind_name(info->kind), info->bytes, c->limit_bytes);
		return REGION_E_CONFIG;
	}
	return 0;
}

unsigned region_huge_npages(const struct region_config *c)
{
	uint64_t n = HUGE_PAGE_BYTES / c->page_size_bytes;

	if (!c->backing || backing_info(c->backing)->kind != BACKING_MEMFD)
		return 0;
	/* One page is none to break, and what reaches beyond a chunk the scavenger never sees in full. */
	return n >= 2 && n <= PAGEALLOC_CHUNK_NPAGES ? (unsigned)n : 0;
}

int region_policy_check(const struct region_config *c, char *buf, size_t size)
{
	int err = death_check(c, buf, size);

	if (!err)
		err = durability_check(c, buf, size);
	if (!err)
		err = quota_check(c, "user", c->user_bytes, buf, size);
	if (!err)
		err = quota_check(c, "session", c->session_bytes, buf, size);
	if (!err)
		err = low_check(c, buf, size);
	return err ? err : rules_check(c, buf, size);
}

struct region_quota region_quota_of(const struct region *r, const struct region_config *c)
{
	return (struct region_quota){
		.user_npages = pages_for(c->user_bytes, r->page_shift),
		.session_npages = pages_for(c->session_bytes, r->page_shift),
		.user_nextents = c->user_extents ? c->user_extents : REGION_USER_EXTENTS_DEFAULT,
		.session_nextents = c->session_extents,
	};
}

int region_policy_init(struct region *r, const struct region_config *c)
{
	r->quota = region_quota_of(r, c);
	r->death = c->death;
	r->durability = c->durability;
	r->quarantine_usec = c->quarantine_usec;
	r->low_npages = pages_for(c->low_bytes, r->page_shift);
	r->commit_now = c->commit_now;
	r->sanitize = c->sanitize;
	r->retain_percent = c->retain_percent;
	r->scavenge_delay_usec = c->scavenge_delay_usec;
	r->scavenge_cpu_ppm = c->scavenge_cpu_ppm;
	if (c->nrules == 0)
		return 0;
	r->rules = mem_alloc(c->nrules * sizeof(*r->rules));
	if (!r->rules)
		return -ENOMEM;
	memcpy(r->rules, c->rules, c->nrules * sizeof(*r->rules));
	r->nrules = c->nrules;
	return 0;
}
