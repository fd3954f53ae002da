/*
 * config - what the daemon is told
 *
 * Role:       see config.h; which files are read is in config_files.c, their syntax in config_file.c, the keys are in config_region.c and config_daemon.c.
 * Uses:       base/, region/, net/
 */
#include "service/config.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "net/net.h"
#include "service/config_backing.h"

void config_deinit(struct config *c)
{
	for (size_t i = 0; i < c->nregions; i++)
		tolds_deinit(&c->regions[i].told);
	mem_free(c->regions);
	tolds_deinit(&c->told);
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
	*r = (struct config_region){.config = {.page_size_bytes = CONFIG_PAGE_SIZE_DEFAULT,
					       .durability = REGION_DURABILITY_PROCESS}};
	snprintf(r->config.name, sizeof(r->config.name), "%s", name);
	snprintf(r->where, sizeof(r->where), "%s", where);
	r->nth_file = c->nfiles;
	config_backing_defaults(r);
	return r;
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
	err = config_region_override(r, where, true);
	if (err)
		return err;
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
	const struct {
		const char *value, *option, *key;
	} scalars[] = {
		{o->socket, "--socket", "Socket"},
		{o->socket_mode, "--socket-mode", "SocketMode"},
		{o->max_connections, "--max-connections", "MaxConnections"},
		{o->log_level, "--log-level", "LogLevel"},
		{o->store_dir, "--store-dir", "StoreDirectory"},
		{o->state_dir, "--state-dir", "StateDirectory"},
		{o->restart_grace, "--restart-grace", "RestartGrace"},
	};
	unsigned keys_set = 0;
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(scalars); i++) {
		if (scalars[i].value)
			err = config_daemon_set(c, scalars[i].option, scalars[i].key,
						scalars[i].value, &keys_set);
	}
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
	err = config_read(c, file, "built-in configuration", NULL);
	fclose(file);
	return err;
}

static int files_load(struct config *c, const struct options *o)
{
	size_t nfiles = 0;
	int err;

	if (o->builtin_config)
		return builtin_load(c);
	if (!o->config && o->nregions)
		return 0;
	err = config_files_read(c, o->config ? o->config : CONFIG_FILE_DEFAULT, o->config != NULL,
				&nfiles);
	return !err && !nfiles ? builtin_load(c) : err;
}

/* What only the whole can tell. */
static int config_finish(struct config *c)
{
	int err = 0;

	if (c->nregions == 0)
		return config_complain(
			"configuration",
			"there is no region: add a section [Region NAME] with Limit=, "
			"a file regions.d/NAME.region, or --region NAME,limit=SIZE");
	for (size_t i = 0; !err && i < c->nregions; i++)
		err = config_region_finish(&c->regions[i]);
	return err;
}

int config_load(struct config *c, const struct options *o)
{
	int err;

	*c = (struct config){
		.socket = CONFIG_SOCKET_DEFAULT,
		.socket_mode = CONFIG_SOCKET_MODE_DEFAULT,
		.log_level = LOG_LEVEL_INFO,
		.user_limits =
			{
				.sessions = USER_SESSIONS_DEFAULT,
				.connections = USER_CONNECTIONS_DEFAULT,
				.waiting = USER_WAITING_DEFAULT,
				.queued_bytes = USER_QUEUED_BYTES_DEFAULT,
			},
		.hello_timeout_msec = NET_HELLO_TIMEOUT_MSEC,
		.frame_timeout_msec = NET_FRAME_TIMEOUT_MSEC,
		.send_timeout_msec = NET_SEND_TIMEOUT_MSEC,
		.restart_grace_msec = CONFIG_RESTART_GRACE_DEFAULT_MSEC,
	};
	err = files_load(c, o);
	if (!err)
		err = options_apply(c, o);
	if (!err)
		err = config_finish(c);
	return err;
}
