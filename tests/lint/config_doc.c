/*
 * config_doc - the keys of the configuration, for config-doc.sh
 *
 * Role:       prints a line for each key, "KEY OPTION DEFAULT", with "-" for what there is not; and how often a key may come,
 *             "KEY times N". From the tables that the daemon reads with, and from a configuration without any of the keys.
 * Uses:       service/
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/size.h"
#include "service/config.h"

/* Defaults that are numbers; the others are words on the page alone. */
static const char *region_default(const char *key, const struct region_config *c)
{
	static char text[DURATION_TEXT_BYTES]; /* longer than that of a size */
	const struct {
		const char *key;
		uint64_t bytes;
	} sizes[] = {
		{"Base", c->base_addr},        {"PageSize", c->page_size_bytes},
		{"Initial", c->initial_bytes}, {"AutoGrow", c->auto_grow_bytes},
		{"LowSpace", c->low_bytes},
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (strcmp(sizes[i].key, key) == 0)
			return size_format(sizes[i].bytes, text);
	}
	if (strcmp(key, "QuotaUserExtents") == 0)
		snprintf(text, sizeof(text), "%" PRIu64, REGION_USER_EXTENTS_DEFAULT);
	else if (strcmp(key, "Retain") == 0)
		snprintf(text, sizeof(text), "%" PRIu32 "%%", c->retain_percent);
	else if (strcmp(key, "ScavengeDelay") == 0)
		duration_format(c->scavenge_delay_usec, text);
	else if (strcmp(key, "ScavengeCPU") == 0)
		snprintf(text, sizeof(text), "%g%%", c->scavenge_cpu_ppm / 10000.0);
	else if (strcmp(key, "Durability") == 0)
		return config_durability_name(c->durability);
	else
		return "-";
	return text;
}

static const char *daemon_default(const char *key, const struct config *c)
{
	static char text[DURATION_TEXT_BYTES];
	const struct {
		const char *key;
		uint64_t value;
		char kind;
	} values[] = {
		{"SocketMode", c->socket_mode, 'o'},
		{"UserSessions", c->user_limits.sessions, 'n'},
		{"UserConnections", c->user_limits.connections, 'n'},
		{"UserWaiting", c->user_limits.waiting, 'n'},
		{"UserQueuedBytes", c->user_limits.queued_bytes, 's'},
		{"HelloTimeout", c->hello_timeout_msec, 't'},
		{"FrameTimeout", c->frame_timeout_msec, 't'},
		{"SendTimeout", c->send_timeout_msec, 't'},
		{"RestartGrace", c->restart_grace_msec, 't'},
	};

	if (strcmp(key, "Socket") == 0)
		return c->socket;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		if (strcmp(values[i].key, key))
			continue;
		if (values[i].kind == 's')
			return size_format(values[i].value, text);
		if (values[i].kind == 't')
			return duration_format(values[i].value * 1000, text);
		snprintf(text, sizeof(text), values[i].kind == 'o' ? "%04" PRIo64 : "%" PRIu64,
			 values[i].value);
		return text;
	}
	return "-";
}

int main(void)
{
	const char *regions[] = {"a,limit=1M"}, *key, *option;
	const struct options o = {.regions = regions, .nregions = 1};
	struct config c;

	if (config_load(&c, &o))
		return EXIT_FAILURE;
	for (size_t i = 0; config_region_key(i, &key, &option); i++)
		printf("%s %s %s\n", key, option, region_default(key, &c.regions[0].config));
	for (size_t i = 0; config_daemon_key(i, &key); i++)
		printf("%s - %s\n", key, daemon_default(key, &c));
	printf("Reserve times %u\nAllow times %u\n", REGION_HOLES_MAX, ACCESS_RULES_MAX);
	config_deinit(&c);
	return EXIT_SUCCESS;
}
