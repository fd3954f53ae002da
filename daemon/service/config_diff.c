/*
 * config_diff - one configuration after another
 *
 * Role:       see config_diff.h.
 * Uses:       service/config.h
 */
#include "service/config_diff.h"

#include <string.h>

#include "base/mem.h"
#include "service/config_value.h"

#define VALUE_BYTES 256

#define RESTART "restart the daemon"
#define AGAIN                                                                                  \
	"give back all that is held in the region, take it out of the configuration, reload, " \
	"and add it again"

typedef bool differs_fn(const struct config_region *a, const struct config_region *b);

static bool base_differs(const struct config_region *a, const struct config_region *b)
{
	return a->config.base_addr != b->config.base_addr;
}

static bool page_size_differs(const struct config_region *a, const struct config_region *b)
{
	return a->config.page_size_bytes != b->config.page_size_bytes;
}

static bool limit_is_lower(const struct config_region *a, const struct config_region *b)
{
	return b->config.limit_bytes < a->config.limit_bytes;
}

static bool best_fit_differs(const struct config_region *a, const struct config_region *b)
{
	return a->config.best_fit != b->config.best_fit;
}

static bool holes_differ(const struct config_region *a, const struct config_region *b)
{
	return a->config.nholes != b->config.nholes ||
	       memcmp(a->config.holes, b->config.holes,
		      a->config.nholes * sizeof(*a->config.holes));
}

static bool durability_differs(const struct config_region *a, const struct config_region *b)
{
	return a->config.durability != b->config.durability;
}

static bool kind_differs(const struct config_region *a, const struct config_region *b)
{
	return a->backing.kind != b->backing.kind;
}

static bool path_differs(const struct config_region *a, const struct config_region *b)
{
	return strcmp(a->backing.path, b->backing.path);
}

static bool folder_differs(const struct config_region *a, const struct config_region *b)
{
	return strcmp(a->backing.folder, b->backing.folder);
}

static bool huge_differs(const struct config_region *a, const struct config_region *b)
{
	return a->backing.huge_bytes != b->backing.huge_bytes;
}

static bool numa_differs(const struct config_region *a, const struct config_region *b)
{
	return a->backing.numa != b->backing.numa ||
	       memcmp(a->backing.nodes, b->backing.nodes, sizeof(a->backing.nodes));
}

/* All others can be changed. The first that differs is told, so what implies others comes first. */
static const struct {
	const char *key;
	differs_fn *differs;
	const char *advice;
} frozen[] = {
	{"Base", base_differs, AGAIN},
	{"PageSize", page_size_differs, AGAIN},
	{"Limit", limit_is_lower,
	 "it can only be raised, so shrink the region (paclient shrink) and " RESTART
	 ", or " AGAIN},
	{"File", path_differs, RESTART ", or " AGAIN},
	{"Backing", kind_differs, RESTART ", or " AGAIN},
	{"HugePageSize", huge_differs, AGAIN},
	{"FileFolder", folder_differs, RESTART},
	{"NumaPolicy", numa_differs, RESTART},
	{"Durability", durability_differs, RESTART},
	{"BestFit", best_fit_differs, RESTART},
	{"Reserve", holes_differ,
	 "reserve and unreserve ranges with paclient reserve, or " RESTART},
};

static bool socket_differs(const struct config *a, const struct config *b)
{
	return strcmp(a->socket, b->socket);
}

static bool socket_mode_differs(const struct config *a, const struct config *b)
{
	return a->socket_mode != b->socket_mode;
}

static bool store_dir_differs(const struct config *a, const struct config *b)
{
	return strcmp(a->store_dir, b->store_dir);
}

static bool state_dir_differs(const struct config *a, const struct config *b)
{
	return strcmp(a->state_dir, b->state_dir);
}

static const struct {
	const char *key;
	bool (*differs)(const struct config *a, const struct config *b);
} frozen_daemon[] = {
	{"Socket", socket_differs},
	{"SocketMode", socket_mode_differs},
	{"StoreDirectory", store_dir_differs},
	{"StateDirectory", state_dir_differs},
};

static size_t region_row(const char *key)
{
	const char *in_file, *in_option;
	size_t i = 0;

	while (config_region_key(i, &in_file, &in_option) && strcmp(in_file, key))
		i++;
	return i;
}

static size_t daemon_row(const char *key)
{
	const char *in_file;
	size_t i = 0;

	while (config_daemon_key(i, &in_file) && strcmp(in_file, key))
		i++;
	return i;
}

/* The values, as they were told, or what is there when nobody tells any. */
static const char *value_text(const struct config_tolds *t, size_t row, const char *by_default,
			      char buf[static VALUE_BYTES])
{
	if (!told_text(t, (unsigned)row, buf, VALUE_BYTES))
		snprintf(buf, VALUE_BYTES, "%s", by_default ? by_default : "not set");
	return buf;
}

static const char *where_told(const struct config_tolds *t, size_t row, const char *else_where)
{
	const struct config_told *told = told_find(t, (unsigned)row);

	return told ? told->where : else_where;
}

int config_region_refuse(const struct config_region *was, const struct config_region *now,
			 const char *key, const char *advice)
{
	size_t row = region_row(key);
	const char *by_default = config_region_default(row);
	const struct config_value v = {where_told(&now->told, row, now->where), now->config.name,
				       key, ""};
	char old[VALUE_BYTES], new[VALUE_BYTES];

	return config_value_complain(
		&v,
		"region %s: %s was %s (%s) and cannot become %s while the daemon "
		"runs: %s",
		now->config.name, key, value_text(&was->told, row, by_default, old),
		where_told(&was->told, row, "default"),
		value_text(&now->told, row, by_default, new), advice);
}

int config_region_may(const struct config_region *was, const struct config_region *now)
{
	for (size_t i = 0; i < ARRAY_SIZE(frozen); i++) {
		if (frozen[i].differs(was, now))
			return config_region_refuse(was, now, frozen[i].key, frozen[i].advice);
	}
	return 0;
}

int config_daemon_may(const struct config *was, const struct config *now)
{
	struct config_value v = {.region = "", .text = ""};
	char old[VALUE_BYTES], new[VALUE_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(frozen_daemon); i++) {
		size_t row = daemon_row(frozen_daemon[i].key);
		const char *by_default = config_daemon_default(row);

		if (!frozen_daemon[i].differs(was, now))
			continue;
		v.where = where_told(&now->told, row, where_told(&was->told, row, "[Daemon]"));
		v.key = frozen_daemon[i].key;
		return config_value_complain(
			&v, "%s was %s (%s) and cannot become %s while the daemon runs: " RESTART,
			frozen_daemon[i].key, value_text(&was->told, row, by_default, old),
			where_told(&was->told, row, "default"),
			value_text(&now->told, row, by_default, new));
	}
	return 0;
}

bool config_region_live(size_t i)
{
	const char *key, *option;

	if (!config_region_key(i, &key, &option))
		return false;
	for (size_t k = 0; k < ARRAY_SIZE(frozen); k++) {
		if (strcmp(frozen[k].key, key) == 0)
			return strcmp(key, "Limit") == 0;
	}
	return true;
}

bool config_daemon_live(size_t i)
{
	const char *key;

	if (!config_daemon_key(i, &key))
		return false;
	for (size_t k = 0; k < ARRAY_SIZE(frozen_daemon); k++) {
		if (strcmp(frozen_daemon[k].key, key) == 0)
			return false;
	}
	return true;
}

static void change_log(const char *what, const char *key, const struct config_tolds *was,
		       const struct config_tolds *now, size_t row, const char *by_default)
{
	char old[VALUE_BYTES], new[VALUE_BYTES];

	value_text(was, row, by_default, old);
	value_text(now, row, by_default, new);
	if (strcmp(old, new))
		log_info("%s%s was %s, and is %s now (%s)", what, key, old, new,
			 where_told(now, row, "default"));
}

void config_changes_log(const struct config *was, const struct config *now)
{
	char what[REGION_NAME_BYTES_MAX + sizeof("region : ")];
	const char *key, *option;

	for (size_t i = 0; config_daemon_key(i, &key); i++)
		change_log("", key, &was->told, &now->told, i, config_daemon_default(i));
	for (size_t i = 0; i < now->nregions; i++) {
		const struct config_region *r = &now->regions[i];
		const struct config_region *old = config_region_find(was, r->config.name);

		snprintf(what, sizeof(what), "region %s: ", r->config.name);
		for (size_t k = 0; old && config_region_key(k, &key, &option); k++)
			change_log(what, key, &old->told, &r->told, k, config_region_default(k));
	}
}
