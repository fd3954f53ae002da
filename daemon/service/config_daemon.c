/*
 * config_daemon - the keys of [Daemon]
 *
 * Role:       the one table of them; options of the command line that mean the same go through it too.
 * Uses:       base/, region/session.h, service/config_value.h
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "net/net.h"
#include "service/config.h"
#include "service/config_value.h"

/* What one connection may queue: less than that, and a user could not use a single one. */
#define QUEUED_BYTES_MIN (UINT64_C(1) << 20)
_Static_assert(QUEUED_BYTES_MIN >= NET_IN_BYTES + NET_OUT_BYTES + RPC_OUT_ROOM_MIN,
	       "one connection's buffers");

typedef int daemon_key_set(struct config *c, size_t offset, const struct config_value *v);

static daemon_key_set socket_set, socket_mode_set, connections_max_set, log_level_set,
	quota_count_set, queued_bytes_set, timeout_set, folder_set;

#define AT(field) offsetof(struct config, field)

static const struct daemon_key {
	const char *in_file;
	daemon_key_set *set;
	size_t offset;          /* in struct config */
	const char *by_default; /* as the file would say it; NULL: nothing that can be said */
} keys[] = {
	{"Socket", socket_set, AT(socket), CONFIG_SOCKET_DEFAULT},
	{"SocketMode", socket_mode_set, AT(socket_mode), "0660"},
	{"MaxConnections", connections_max_set, AT(connections_max), NULL},
	{"LogLevel", log_level_set, AT(log_level), "info"},
	{"UserSessions", quota_count_set, AT(user_limits.sessions), "4096"},
	{"UserConnections", quota_count_set, AT(user_limits.connections), "4096"},
	{"UserWaiting", quota_count_set, AT(user_limits.waiting), "1024"},
	{"UserQueuedBytes", queued_bytes_set, AT(user_limits.queued_bytes), "64M"},
	{"HelloTimeout", timeout_set, AT(hello_timeout_msec), "10s"},
	{"FrameTimeout", timeout_set, AT(frame_timeout_msec), "10s"},
	{"SendTimeout", timeout_set, AT(send_timeout_msec), "30s"},
	{"StoreDirectory", folder_set, AT(store_dir), NULL},
	{"StateDirectory", folder_set, AT(state_dir), NULL},
	{"RestartGrace", timeout_set, AT(restart_grace_msec), "30s"},
};

_Static_assert(ARRAY_SIZE(keys) <= 32, "keys_set has a bit for each");

static void *field_at(struct config *c, size_t offset)
{
	return (char *)c + offset;
}

static int socket_set(struct config *c, size_t offset, const struct config_value *v)
{
	size_t n = strlen(v->text);

	if (n == 0 || n >= sizeof(c->socket))
		return config_value_complain(
			v, "the socket's path has %zu bytes: 1 to %zu are possible", n,
			sizeof(c->socket) - 1);
	memcpy(field_at(c, offset), v->text, n + 1);
	return 0;
}

static int socket_mode_set(struct config *c, size_t offset, const struct config_value *v)
{
	mode_t *field = field_at(c, offset), mode = 0;
	const char *p = v->text;

	for (; *p >= '0' && *p <= '7' && mode <= 0777; p++)
		mode = mode * 8 + (mode_t)(*p - '0');
	if (*p || p == v->text || mode > 0777)
		return config_complain(
			v->where, "'%s' is no file mode: write it in octal, such as 0660", v->text);
	*field = mode;
	return 0;
}

static int connections_max_set(struct config *c, size_t offset, const struct config_value *v)
{
	uint32_t *field = field_at(c, offset);
	uint64_t n;

	if (number_parse(v->text, UINT32_MAX, &n) || n == 0)
		return config_value_complain(
			v, "'%s' is no number of connections: write one from 1 to %u", v->text,
			UINT32_MAX);
	*field = (uint32_t)n;
	return 0;
}

static int log_level_set(struct config *c, size_t offset, const struct config_value *v)
{
	if (log_level_parse(v->text, field_at(c, offset)))
		return config_value_complain(
			v, "'%s' is no log level: use error, warning, info or debug", v->text);
	return 0;
}

static int quota_count_set(struct config *c, size_t offset, const struct config_value *v)
{
	return config_quota_count(v, 0, field_at(c, offset));
}

static int queued_bytes_set(struct config *c, size_t offset, const struct config_value *v)
{
	return config_quota_bytes(v, QUEUED_BYTES_MIN, field_at(c, offset));
}

static int timeout_set(struct config *c, size_t offset, const struct config_value *v)
{
	return config_timeout_msec(v, field_at(c, offset));
}

/* The daemon's own folder may be any: a path that depended on it would be another one after a restart. */
static int folder_set(struct config *c, size_t offset, const struct config_value *v)
{
	size_t n = strlen(v->text);

	if (v->text[0] != '/')
		return config_value_complain(v, "%s=%s is no absolute path: begin it with /",
					     v->key, v->text);
	if (n >= PATH_MAX)
		return config_value_complain(v, "%s= has a path of %zu bytes: %u are possible",
					     v->key, n, PATH_MAX - 1);
	memcpy(field_at(c, offset), v->text, n + 1);
	return 0;
}

bool config_daemon_key(size_t i, const char **ret_in_file)
{
	if (i >= ARRAY_SIZE(keys))
		return false;
	*ret_in_file = keys[i].in_file;
	return true;
}

const char *config_daemon_default(size_t i)
{
	return keys[i].by_default;
}

static int complain_key(const struct config_value *v)
{
	char list[512] = "";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		config_list_add(list, sizeof(list), i, ARRAY_SIZE(keys), keys[i].in_file);
	return config_value_complain(v, "[Daemon] has no key '%s': use %s", v->key, list);
}

int config_daemon_set(struct config *c, const char *where, const char *key, const char *value,
		      unsigned *keys_set)
{
	const struct config_value v = {where, "", key, value};
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].in_file, key))
			continue;
		if (*keys_set & 1u << i)
			return config_value_complain(&v, "'%s' is set twice: keep one", key);
		*keys_set |= 1u << i;
		told_forget(&c->told, (unsigned)i);
		err = keys[i].set(c, keys[i].offset, &v);
		return err ? err : told_add(&c->told, (unsigned)i, value, where);
	}
	return complain_key(&v);
}
