/*
 * config - what the daemon is told
 *
 * Role:       see config.h; the file's syntax is in config_file.c.
 * Uses:       base/, region/
 */
#include "service/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/size.h"

/* What a value of @key is worth to a region. Return: 0, CONFIG_E_BAD. */
typedef int region_key_set(struct region_config *c, size_t offset, const char *where,
			   const char *key, const char *value);

static region_key_set bytes_set, flag_set, hole_add;

/* The one table of a region's keys. */
static const struct region_key {
	const char *in_file;
	const char *in_option;
	region_key_set *set;
	size_t offset; /* in struct region_config */
	bool repeats;
} region_keys[] = {
	{"Limit", "limit", bytes_set, offsetof(struct region_config, limit_bytes), false},
	{"Base", "base", bytes_set, offsetof(struct region_config, base_addr), false},
	{"PageSize", "page-size", bytes_set, offsetof(struct region_config, page_size_bytes),
	 false},
	{"Initial", "initial", bytes_set, offsetof(struct region_config, initial_bytes), false},
	{"AutoGrow", "auto-grow", bytes_set, offsetof(struct region_config, auto_grow_bytes),
	 false},
	{"BestFit", "best-fit", flag_set, offsetof(struct region_config, best_fit), false},
	{"Reserve", "reserve", hole_add, offsetof(struct region_config, nholes), true},
};

static int socket_set(struct config *c, const char *where, const char *value);
static int socket_mode_set(struct config *c, const char *where, const char *value);
static int connections_max_set(struct config *c, const char *where, const char *value);
static int log_level_set(struct config *c, const char *where, const char *value);

/* The one table of the daemon's keys. */
static const struct daemon_key {
	const char *in_file;
	int (*set)(struct config *c, const char *where, const char *value);
} daemon_keys[] = {
	{"Socket", socket_set},
	{"SocketMode", socket_mode_set},
	{"MaxConnections", connections_max_set},
	{"LogLevel", log_level_set},
};

int config_complain(const char *where, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_error("%s: %s", where, text);
	return CONFIG_E_BAD;
}

void config_deinit(struct config *c)
{
	mem_free(c->regions);
	*c = (struct config){0};
}

struct config_region *config_region_find(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nregions; i++) {
		if (strcmp(c->regions[i].config.name, name) == 0)
			return &c->regions[i];
	}
	return NULL;
}

struct config_region *config_region_add(struct config *c, const char *name, const char *where)
{
	struct config_region *regions, *r;

	regions = mem_resize(c->regions, c->nregions + 1, sizeof(*regions));
	if (!regions)
		return NULL;
	c->regions = regions;
	r = &regions[c->nregions++];
	*r = (struct config_region){.config = {.page_size_bytes = CONFIG_PAGE_SIZE_DEFAULT}};
	snprintf(r->config.name, sizeof(r->config.name), "%s", name);
	snprintf(r->where, sizeof(r->where), "%s", where);
	return r;
}

static int bytes_set(struct region_config *c, size_t offset, const char *where, const char *key,
		     const char *value)
{
	uint64_t bytes;

	switch (size_parse(value, &bytes)) {
	case 0:
		break;
	case SIZE_E_RANGE:
		return config_complain(where, "%s=%s does not fit 64 bits: use a smaller number",
				       key, value);
	default:
		return config_complain(where,
				       "%s=%s is no size: write bytes, or a number with K, M, G, T "
				       "or P, such as 16M",
				       key, value);
	}
	memcpy((char *)c + offset, &bytes, sizeof(bytes));
	return 0;
}

/* The words that the service manager's files take. */
static int flag_set(struct region_config *c, size_t offset, const char *where, const char *key,
		    const char *value)
{
	static const struct {
		const char *yes, *no;
	} words[] = {{"yes", "no"}, {"true", "false"}, {"1", "0"}, {"on", "off"}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		bool yes = strcasecmp(value, words[i].yes) == 0;

		if (yes || strcasecmp(value, words[i].no) == 0) {
			memcpy((char *)c + offset, &yes, sizeof(yes));
			return 0;
		}
	}
	return config_complain(where, "%s=%s is neither yes nor no: write one of them", key, value);
}

/* "ADDR:SIZE" */
static int hole_add(struct region_config *c, size_t offset, const char *where, const char *key,
		    const char *value)
{
	const char *colon = strchr(value, ':');
	char addr[SIZE_TEXT_BYTES];
	struct region_hole hole;
	int err = SIZE_E_SYNTAX, err_bytes;

	(void)offset;
	if (colon && (size_t)(colon - value) < sizeof(addr)) {
		memcpy(addr, value, (size_t)(colon - value));
		addr[colon - value] = '\0';
		err = size_parse(addr, &hole.addr);
		err_bytes = size_parse(colon + 1, &hole.bytes);
		/* What is no number at all is said before what is too large a one. */
		if (!err || err_bytes == SIZE_E_SYNTAX)
			err = err_bytes;
	}
	if (err == SIZE_E_RANGE || (!err && hole.bytes && hole.addr + (hole.bytes - 1) < hole.addr))
		return config_complain(where, "%s=%s does not fit 64 bits: use smaller numbers",
				       key, value);
	if (err || hole.bytes == 0)
		return config_complain(where,
				       "%s=%s is no range: write ADDR:SIZE, such as 0xfee00000:1M",
				       key, value);
	if (c->nholes == REGION_HOLES_MAX)
		return config_complain(
			where,
			"region %s has %u ranges in %s= already: put neighbours into "
			"one, or reserve more while the daemon runs",
			c->name, REGION_HOLES_MAX, key);
	c->holes[c->nholes++] = hole;
	return 0;
}

static const struct region_key *region_key_find(const char *key, bool by_option)
{
	for (size_t i = 0; i < ARRAY_SIZE(region_keys); i++) {
		const struct region_key *k = &region_keys[i];

		if (strcmp(by_option ? k->in_option : k->in_file, key) == 0)
			return k;
	}
	return NULL;
}

int config_region_set(struct config_region *r, const char *where, const char *key,
		      const char *value, bool by_option)
{
	const struct region_key *k = region_key_find(key, by_option);
	unsigned bit;

	if (!k)
		return config_complain(
			where, "a region has no key '%s': use %s", key,
			by_option
				? "limit, base, page-size, initial, auto-grow, best-fit or reserve"
				: "Limit, Base, PageSize, Initial, AutoGrow, BestFit or Reserve");
	bit = 1u << (k - region_keys);
	if ((r->keys_set & bit) && !k->repeats)
		return config_complain(where, "'%s' is set twice for region %s: keep one", key,
				       r->config.name);
	/* What an option repeats goes in place of what the file says, as a single value does. */
	if (!(r->keys_set & bit) && k->repeats)
		memset((char *)&r->config + k->offset, 0, sizeof(r->config.nholes));
	r->keys_set |= bit;
	return k->set(&r->config, k->offset, where, key, value);
}

static int socket_set(struct config *c, const char *where, const char *value)
{
	size_t n = strlen(value);

	if (n == 0 || n >= sizeof(c->socket))
		return config_complain(where,
				       "the socket's path has %zu bytes: 1 to %zu are possible", n,
				       sizeof(c->socket) - 1);
	memcpy(c->socket, value, n + 1);
	return 0;
}

static int socket_mode_set(struct config *c, const char *where, const char *value)
{
	mode_t mode = 0;
	const char *p = value;

	for (; *p >= '0' && *p <= '7' && mode <= 0777; p++)
		mode = mode * 8 + (mode_t)(*p - '0');
	if (*p || p == value || mode > 0777)
		return config_complain(
			where, "'%s' is no file mode: write it in octal, such as 0660", value);
	c->socket_mode = mode;
	return 0;
}

static int connections_max_set(struct config *c, const char *where, const char *value)
{
	uint64_t n;

	if (number_parse(value, UINT32_MAX, &n) || n == 0)
		return config_complain(where,
				       "'%s' is no number of connections: write one from 1 to %u",
				       value, UINT32_MAX);
	c->connections_max = (uint32_t)n;
	return 0;
}

static int log_level_set(struct config *c, const char *where, const char *value)
{
	if (log_level_parse(value, &c->log_level))
		return config_complain(
			where, "'%s' is no log level: use error, warning, info or debug", value);
	return 0;
}

int config_daemon_set(struct config *c, const char *where, const char *key, const char *value,
		      unsigned *keys_set)
{
	for (size_t i = 0; i < ARRAY_SIZE(daemon_keys); i++) {
		if (strcmp(daemon_keys[i].in_file, key))
			continue;
		if (*keys_set & 1u << i)
			return config_complain(where, "'%s' is set twice: keep one", key);
		*keys_set |= 1u << i;
		return daemon_keys[i].set(c, where, value);
	}
	return config_complain(
		where,
		"[Daemon] has no key '%s': use Socket, SocketMode, MaxConnections or LogLevel",
		key);
}

/* "NAME,limit=SIZE,…" in a copy of its own. */
static int region_option(struct config *c, const char *text)
{
	CLEANUP(mem_freep) char *copy = mem_alloc(strlen(text) + 1);
	char where[CONFIG_WHERE_BYTES];
	char *rest, *name, *item, *value;
	struct config_region *r;
	int err;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, strlen(text) + 1);
	rest = copy;
	name = strsep(&rest, ",");
	snprintf(where, sizeof(where), "--region %s", text);
	if (!*name || strchr(name, '=') || strlen(name) > REGION_NAME_BYTES_MAX)
		return config_complain(
			where,
			"it begins with the region's name, 1 to %u characters, such as "
			"--region demo,limit=1G",
			REGION_NAME_BYTES_MAX);
	r = config_region_find(c, name);
	if (r && r->by_option)
		return config_complain(where, "region %s is given twice: keep one", name);
	if (!r)
		r = config_region_add(c, name, where);
	if (!r)
		return -ENOMEM;
	r->by_option = true;
	r->keys_set = 0;
	snprintf(r->where, sizeof(r->where), "%s", where);
	while ((item = strsep(&rest, ",")) != NULL) {
		value = strchr(item, '=');
		if (!value)
			return config_complain(where, "'%s' has no value: write KEY=VALUE", item);
		*value++ = '\0';
		err = config_region_set(r, where, item, value, true);
		if (err)
			return err;
	}
	return 0;
}

static int options_apply(struct config *c, const struct options *o)
{
	int err = 0;

	if (o->socket)
		err = socket_set(c, "--socket", o->socket);
	if (!err && o->socket_mode)
		err = socket_mode_set(c, "--socket-mode", o->socket_mode);
	if (!err && o->max_connections)
		err = connections_max_set(c, "--max-connections", o->max_connections);
	if (!err && o->log_level)
		err = log_level_set(c, "--log-level", o->log_level);
	for (size_t i = 0; !err && i < o->nregions; i++)
		err = region_option(c, o->regions[i]);
	return err;
}

static int builtin_load(struct config *c)
{
	FILE *file = fmemopen((void *)(uintptr_t)config_builtin, strlen(config_builtin), "r");
	int err;

	if (!file)
		return -ENOMEM;
	err = config_read(c, file, "built-in configuration");
	fclose(file);
	return err;
}

static int file_load(struct config *c, const struct options *o)
{
	const char *path = o->config ? o->config : CONFIG_FILE_DEFAULT;
	FILE *file;
	int err;

	if (o->builtin_config)
		return builtin_load(c);
	if (!o->config && o->nregions)
		return 0;
	file = fopen(path, "re");
	if (!file) {
		if (!o->config && errno == ENOENT)
			return builtin_load(c);
		return config_complain(path, "cannot be read: %s", strerror(errno));
	}
	err = config_read(c, file, path);
	fclose(file);
	return err;
}

/* What only the whole can tell. */
static int config_check(const struct config *c)
{
	char why[256];

	if (c->nregions == 0)
		return config_complain(
			"configuration",
			"there is no region: add a section [Region NAME] with Limit=, "
			"or --region NAME,limit=SIZE");
	for (size_t i = 0; i < c->nregions; i++) {
		const struct config_region *r = &c->regions[i];

		if (r->config.limit_bytes == 0)
			return config_complain(
				r->where,
				"region '%s' has no limit: say how large it may become, "
				"%s",
				r->config.name, r->by_option ? "limit=SIZE" : "Limit=SIZE");
		if (region_config_check(&r->config, why, sizeof(why)))
			return config_complain(r->where, "region '%s': %s", r->config.name, why);
	}
	return 0;
}

int config_load(struct config *c, const struct options *o)
{
	int err;

	*c = (struct config){
		.socket = CONFIG_SOCKET_DEFAULT,
		.socket_mode = CONFIG_SOCKET_MODE_DEFAULT,
		.log_level = LOG_LEVEL_INFO,
	};
	err = file_load(c, o);
	if (!err)
		err = options_apply(c, o);
	if (!err)
		err = config_check(c);
	return err;
}
