/*
 * config_region - the keys of a region
 *
 * Role:       the one table of them, by file and by option; and what only all of a region's keys together can tell.
 * Uses:       base/, region/, service/config_value.h
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "service/config.h"
#include "service/config_backing.h"
#include "service/config_value.h"

static region_key_set bytes_set, quota_bytes_set, quota_count_set, flag_set, usec_set, hole_add,
	death_set, durability_set, rule_add, low_set;

#define OF(field) offsetof(struct config_region, field)
#define AT(field) OF(config.field)

static const struct region_key {
	const char *in_file;
	const char *in_option;
	region_key_set *set;
	size_t offset; /* in struct config_region; where the key repeats, of how many there are */
	bool repeats;
	const char *by_default; /* as the file would say it; NULL: nothing that can be said */
} keys[] = {
	{"Limit", "limit", bytes_set, AT(limit_bytes), false, NULL},
	{"Base", "base", bytes_set, AT(base_addr), false, "0"},
	{"PageSize", "page-size", bytes_set, AT(page_size_bytes), false, "4K"},
	{"Initial", "initial", bytes_set, AT(initial_bytes), false, "0"},
	{"AutoGrow", "auto-grow", bytes_set, AT(auto_grow_bytes), false, "0"},
	{"BestFit", "best-fit", flag_set, AT(best_fit), false, "no"},
	{"Reserve", "reserve", hole_add, AT(nholes), true, NULL},
	{"Death", "death", death_set, AT(death), false, "free"},
	{"Quarantine", "quarantine", usec_set, AT(quarantine_usec), false, NULL},
	{"Durability", "durability", durability_set, AT(durability), false, "process"},
	{"Allow", "allow", rule_add, AT(nrules), true, NULL},
	{"QuotaUser", "quota-user", quota_bytes_set, AT(user_bytes), false, "infinity"},
	{"QuotaSession", "quota-session", quota_bytes_set, AT(session_bytes), false, "infinity"},
	{"QuotaUserExtents", "quota-user-extents", quota_count_set, AT(user_extents), false,
	 "1048576"},
	{"QuotaSessionExtents", "quota-session-extents", quota_count_set, AT(session_extents),
	 false, "infinity"},
	{"LowSpace", "low-space", low_set, AT(low_bytes), false, "0"},
	{"Backing", "backing", backing_kind_set, OF(backing_told), false, "none"},
	{"File", "file", backing_path_set, OF(backing.path), false, NULL},
	{"FileFolder", "file-folder", backing_path_set, OF(backing.folder), false, NULL},
	{"HugePageSize", "huge-page-size", backing_huge_set, OF(backing.huge_bytes), false, NULL},
	{"NumaPolicy", "numa-policy", backing_numa_set, OF(backing.numa), false, "default"},
	{"Commit", "commit", backing_commit_set, AT(commit_now), false, "lazy"},
	{"Sanitize", "sanitize", flag_set, AT(sanitize), false, "no"},
	{"Retain", "retain", backing_retain_set, AT(retain_percent), false, "10%"},
	{"ScavengeDelay", "scavenge-delay", backing_delay_set, AT(scavenge_delay_usec), false,
	 "1min"},
	{"ScavengeCPU", "scavenge-cpu", backing_cpu_set, AT(scavenge_cpu_ppm), false, "1%"},
};

static const struct {
	const char *word;
	enum region_death death;
} deaths[] = {
	{"free", REGION_DEATH_FREE},
	{"keep", REGION_DEATH_KEEP},
	{"quarantine", REGION_DEATH_QUARANTINE},
};

static const char *const durabilities[REGION_DURABILITIES] = {
	[REGION_DURABILITY_NONE] = "none",
	[REGION_DURABILITY_PROCESS] = "process",
	[REGION_DURABILITY_MACHINE] = "machine",
};

_Static_assert(ARRAY_SIZE(keys) <= 32, "keys_set has a bit for each");

static void *field_at(struct config_region *r, size_t offset)
{
	return (char *)r + offset;
}

static int bytes_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	return config_bytes(v, field_at(r, offset));
}

/* No less than a page: the region's own check knows its size. */
static int quota_bytes_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	return config_quota_bytes(v, 1, field_at(r, offset));
}

static int quota_count_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	uint64_t *field = field_at(r, offset);
	uint32_t n = 0;
	int err;

	/* 0 is the default, and a region has no more extents than that. */
	err = config_quota_count(v, UINT32_MAX, &n);
	if (!err)
		*field = n;
	return err;
}

static int flag_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	return config_flag(v, field_at(r, offset));
}

static int usec_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	return config_usec(v, field_at(r, offset));
}

/* "ADDR:SIZE" */
static int hole_add(struct config_region *r, size_t offset, const struct config_value *v)
{
	const char *colon = strchr(v->text, ':');
	struct region_config *c = &r->config;
	char addr[SIZE_TEXT_BYTES];
	struct region_hole hole;
	int err = SIZE_E_SYNTAX, err_bytes;

	(void)offset;
	if (colon && (size_t)(colon - v->text) < sizeof(addr)) {
		memcpy(addr, v->text, (size_t)(colon - v->text));
		addr[colon - v->text] = '\0';
		err = size_parse(addr, &hole.addr);
		err_bytes = size_parse(colon + 1, &hole.bytes);
		/* What is no number at all is said before what is too large a one. */
		if (!err || err_bytes == SIZE_E_SYNTAX)
			err = err_bytes;
	}
	if (err == SIZE_E_RANGE || (!err && hole.bytes && hole.addr + (hole.bytes - 1) < hole.addr))
		return config_value_complain(v, "%s=%s does not fit 64 bits: use smaller numbers",
					     v->key, v->text);
	if (err || hole.bytes == 0)
		return config_value_complain(
			v, "%s=%s is no range: write ADDR:SIZE, such as 0xfee00000:1M", v->key,
			v->text);
	if (c->nholes == REGION_HOLES_MAX)
		return config_complain(
			v->where,
			"region %s has %u ranges in %s= already: put neighbours into "
			"one, or reserve more while the daemon runs",
			c->name, REGION_HOLES_MAX, v->key);
	c->holes[c->nholes++] = hole;
	return 0;
}

static int death_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	(void)offset;
	for (size_t i = 0; i < ARRAY_SIZE(deaths); i++) {
		if (strcmp(v->text, deaths[i].word))
			continue;
		r->config.death = deaths[i].death;
		return 0;
	}
	return config_value_complain(v,
				     "%s=%s is not what can become of extents: use free, keep or "
				     "quarantine",
				     v->key, v->text);
}

const char *config_durability_name(enum region_durability d)
{
	return durabilities[d];
}

static int durability_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	(void)offset;
	for (unsigned i = 0; i < REGION_DURABILITIES; i++) {
		if (strcmp(v->text, durabilities[i]))
			continue;
		r->config.durability = (enum region_durability)i;
		return 0;
	}
	return config_value_complain(
		v,
		"%s=%s is not how long extents can live: use none (as long as the "
		"daemon), process (until the system goes down) or machine",
		v->key, v->text);
}

static int rule_add(struct config_region *r, size_t offset, const struct config_value *v)
{
	struct region_config *c = &r->config;
	int err;

	(void)offset;
	if (c->nrules == ACCESS_RULES_MAX)
		return config_value_complain(
			v,
			"region %s has %u rules in %s= already: put users into a "
			"group and allow that",
			c->name, ACCESS_RULES_MAX, v->key);
	err = config_rule(v, &c->rules[c->nrules]);
	if (!err)
		c->nrules++;
	return err;
}

/* "SIZE" or "PERCENT%" */
static int low_set(struct config_region *r, size_t offset, const struct config_value *v)
{
	size_t n = strlen(v->text);
	char number[8] = "";
	uint64_t percent;
	int err;

	if (n == 0 || v->text[n - 1] != '%') {
		err = config_bytes(v, field_at(r, offset));
		if (!err)
			r->low_percent = 0;
		return err;
	}
	if (n <= sizeof(number))
		memcpy(number, v->text, n - 1);
	if (number_parse(number, 100, &percent))
		return config_value_complain(
			v,
			"%s=%s is no part of the limit: write 0%% to 100%%, or a "
			"size",
			v->key, v->text);
	r->low_percent = (unsigned)percent;
	r->config.low_bytes = 0;
	return 0;
}

bool config_region_key(size_t i, const char **ret_in_file, const char **ret_in_option)
{
	if (i >= ARRAY_SIZE(keys))
		return false;
	*ret_in_file = keys[i].in_file;
	*ret_in_option = keys[i].in_option;
	return true;
}

const char *config_region_default(size_t i)
{
	return keys[i].by_default;
}

bool config_region_means(const struct config_region *r, size_t i)
{
	/* File= and HugePageSize= imply it. */
	if (keys[i].offset == OF(backing_told))
		return r->backing.kind == BACKING_NONE;
	return r->backing.kind != BACKING_NONE || !config_backing_is_memory(keys[i].offset);
}

static const char *spelling(size_t i, bool by_option)
{
	return by_option ? keys[i].in_option : keys[i].in_file;
}

static int complain_key(const struct config_value *v, bool by_option)
{
	char list[512] = "";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		config_list_add(list, sizeof(list), i, ARRAY_SIZE(keys), spelling(i, by_option));
	return config_value_complain(v, "a region has no key '%s': use %s", v->key, list);
}

/* What was told so far is not in the list any more. */
static void list_reset(struct config_region *r, const struct region_key *k)
{
	memset(field_at(r, k->offset), 0, sizeof(uint32_t));
	told_forget(&r->told, (unsigned)(k - keys));
}

int config_region_set(struct config_region *r, const char *where, const char *key,
		      const char *value, bool by_option)
{
	const struct config_value v = {where, r->config.name, key, value};
	const struct region_key *k;
	unsigned bit;
	size_t i = 0;
	int err;

	while (i < ARRAY_SIZE(keys) && strcmp(spelling(i, by_option), key))
		i++;
	if (i == ARRAY_SIZE(keys))
		return complain_key(&v, by_option);
	k = &keys[i];
	bit = 1u << i;
	if ((r->keys_set & bit) && !k->repeats)
		return config_value_complain(&v, "'%s' is set twice for region %s: keep one", key,
					     r->config.name);
	/* What an option repeats goes in place of what the files say, as a single value does. */
	if (k->repeats && (!*value || (by_option && !(r->keys_set & bit))))
		list_reset(r, k);
	r->keys_set |= bit;
	r->keys_ever |= bit;
	if (k->repeats && !*value)
		return 0;
	if (!k->repeats)
		told_forget(&r->told, (unsigned)i);
	err = k->set(r, k->offset, &v);
	return err ? err : told_add(&r->told, (unsigned)i, value, where);
}

static size_t key_at(size_t offset)
{
	size_t i = 0;

	while (keys[i].offset != offset)
		i++;
	return i;
}

const char *config_region_spelling(const struct config_region *r, size_t offset)
{
	return spelling(key_at(offset), r->by_option);
}

unsigned config_region_bit(size_t offset)
{
	return 1u << key_at(offset);
}

static bool is_set(const struct config_region *r, size_t offset)
{
	return r->keys_set & config_region_bit(offset);
}

void config_region_forget(struct config_region *r, size_t offset)
{
	r->keys_ever &= ~config_region_bit(offset);
	told_forget(&r->told, (unsigned)key_at(offset));
}

/* A quarantine that an earlier place gives goes with the policy that a later one replaces. */
static void quarantine_forget(struct config_region *r)
{
	if (!r->over || !is_set(r, AT(death)) || is_set(r, AT(quarantine_usec)))
		return;
	if (r->config.death == REGION_DEATH_QUARANTINE)
		return;
	r->config.quarantine_usec = 0;
	config_region_forget(r, AT(quarantine_usec));
}

/* A place has been read: what its keys imply, and what they take away of the places before. */
static int place_settle(struct config_region *r)
{
	quarantine_forget(r);
	return config_backing_settle(r);
}

int config_region_override(struct config_region *r, const char *where, bool by_option)
{
	int err = place_settle(r);

	if (err)
		return err;
	r->by_option = by_option;
	r->over = true;
	r->keys_set = 0;
	snprintf(r->where, sizeof(r->where), "%s", where);
	return 0;
}

static int death_check(struct config_region *r)
{
	struct region_config *c = &r->config;
	bool o = r->by_option;

	if (c->death == REGION_DEATH_QUARANTINE) {
		if (c->quarantine_usec)
			return 0;
		return config_region_complain(r, "region '%s': %s needs a time: add %s, such as %s",
					      c->name, o ? "death=quarantine" : "Death=quarantine",
					      o ? "quarantine=TIME" : "Quarantine=TIME",
					      o ? "quarantine=10s" : "Quarantine=10s");
	}
	if (c->quarantine_usec == 0)
		return 0;
	return config_region_complain(
		r,
		"region '%s': %s says how long, but not that it shall be: add %s, "
		"or leave it out",
		c->name,
		o ? "quarantine=" : "Quarantine=", o ? "death=quarantine" : "Death=quarantine");
}

int config_region_finish(struct config_region *r)
{
	struct region_config *c = &r->config;
	char why[256];
	int err;

	if (c->limit_bytes == 0)
		return config_region_complain(
			r, "region '%s' has no limit: say how large it may become, %s", c->name,
			r->by_option ? "limit=SIZE" : "Limit=SIZE");
	err = place_settle(r);
	if (!err)
		err = death_check(r);
	if (!err)
		err = config_backing_check(r);
	if (err)
		return err;
	/* In two steps, so that nothing overflows. */
	if (r->low_percent)
		c->low_bytes = c->limit_bytes / 100 * r->low_percent +
			       c->limit_bytes % 100 * r->low_percent / 100;
	if (region_config_check(c, why, sizeof(why)))
		return config_region_complain(r, "region '%s': %s", c->name, why);
	return 0;
}
