/*
 * doctor_units - what systemd says about the units
 *
 * Role:       see doctor.h; by `systemctl show`, which needs no privilege.
 * Uses:       doctor.h
 */
#include "client/cli/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET "pallocd.socket"
#define SERVICE "pallocd.service"

#define PROPERTY_BYTES 256

struct unit {
	char load[PROPERTY_BYTES];
	char active[PROPERTY_BYTES];
	char result[PROPERTY_BYTES];
	char file_state[PROPERTY_BYTES];
	char need_reload[PROPERTY_BYTES];
	char restarts[PROPERTY_BYTES];
	char status[PROPERTY_BYTES];
	char nstored[PROPERTY_BYTES];
	char stored_max[PROPERTY_BYTES];
	char listen[PROPERTY_BYTES];
};

static const struct {
	const char *name;
	size_t offset;
} properties[] = {
	{"LoadState=", offsetof(struct unit, load)},
	{"ActiveState=", offsetof(struct unit, active)},
	{"Result=", offsetof(struct unit, result)},
	{"UnitFileState=", offsetof(struct unit, file_state)},
	{"NeedDaemonReload=", offsetof(struct unit, need_reload)},
	{"NRestarts=", offsetof(struct unit, restarts)},
	{"StatusText=", offsetof(struct unit, status)},
	{"NFileDescriptorStore=", offsetof(struct unit, nstored)},
	{"FileDescriptorStoreMax=", offsetof(struct unit, stored_max)},
	{"Listen=", offsetof(struct unit, listen)},
};

#define SHOW                                                                                   \
	"systemctl show --no-pager -p LoadState -p ActiveState -p Result -p UnitFileState -p " \
	"NeedDaemonReload -p NRestarts -p StatusText -p NFileDescriptorStore -p "              \
	"FileDescriptorStoreMax -p Listen "

/* Return: false: systemctl has nothing to say. */
static bool unit_get(const char *command, struct unit *ret)
{
	FILE *from = popen(command, "re");
	char line[1024];

	*ret = (struct unit){.load = ""};
	while (from && fgets(line, sizeof(line), from)) {
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
			size_t n = strlen(properties[i].name);

			if (!strncmp(line, properties[i].name, n))
				snprintf((char *)ret + properties[i].offset, PROPERTY_BYTES, "%s",
					 line + n);
		}
	}
	return from && !pclose(from) && ret->load[0];
}

static bool is(const char *property, const char *value)
{
	return !strcmp(property, value);
}

/* What both have in common. Return: is it there at all? */
static bool unit_look(struct doctor *d, const char *name, const struct unit *u)
{
	if (is(u->load, "not-found")) {
		/* Somebody runs the daemon in another way, which is his to know. */
		tell(d, d->pa ? VERDICT_NOTE : VERDICT_FINDING, name,
		     "install the package pallocd, then `systemctl enable --now " SOCKET "`",
		     "systemd has no such unit");
		return false;
	}
	if (!is(u->load, "loaded")) {
		tell(d, VERDICT_FINDING, name,
		     is(u->load, "masked") ? "`systemctl unmask` it"
					   : "`systemctl status` and `systemd-analyze verify` of "
					     "it say what is wrong",
		     "the unit is %s", u->load);
		return false;
	}
	if (is(u->need_reload, "yes"))
		tell(d, VERDICT_FINDING, name,
		     "`systemctl daemon-reload`, then restart the unit for what is new in it",
		     "the unit's file was changed since systemd has read it");
	return true;
}

static void socket_look(struct doctor *d, const struct unit *u)
{
	size_t n = strlen(d->socket);

	if (!unit_look(d, SOCKET, u))
		return;
	if (!is(u->active, "active")) {
		tell(d, d->pa ? VERDICT_NOTE : VERDICT_FINDING, SOCKET,
		     "`systemctl enable --now " SOCKET "`", "it is %s (%s)", u->active, u->result);
		return;
	}
	if (strncmp(u->listen, d->socket, n) != 0 || (u->listen[n] && u->listen[n] != ' '))
		tell(d, VERDICT_NOTE, SOCKET, NULL, "it listens at %s; this command asks at %s",
		     u->listen, d->socket);
	else if (is(u->file_state, "disabled"))
		tell(d, VERDICT_NOTE, SOCKET, "`systemctl enable " SOCKET "`",
		     "it is active, but will not be after the next boot");
	else
		tell(d, VERDICT_OK, SOCKET, NULL, "it is active");
}

static void store_look(struct doctor *d, const struct unit *u)
{
	uint64_t n = strtoull(u->nstored, NULL, 10), max = strtoull(u->stored_max, NULL, 10);
	uint64_t nmemory = 0;

	for (size_t i = 0; d->regions && i < d->regions->nregions; i++)
		nmemory += d->regions->regions[i]->backing == PACLIENT_BACKING_MEMFD ||
			   d->regions->regions[i]->backing == PACLIENT_BACKING_HUGETLB;
	if (nmemory > max)
		tell(d, VERDICT_FINDING, SERVICE,
		     "`systemctl edit " SERVICE
		     "` with [Service], FileDescriptorStoreMax= at least as many as regions, and "
		     "restart it",
		     "regions with memory: %" PRIu64 "; systemd keeps that of %" PRIu64
		     " over a restart: what is held in the others would be lost",
		     nmemory, max);
	else if (n < nmemory)
		tell(d, VERDICT_NOTE, SERVICE, "`journalctl -x -u " SERVICE "`",
		     "regions with memory: %" PRIu64 "; systemd keeps that of %" PRIu64 " now",
		     nmemory, n);
}

static void service_look(struct doctor *d, const struct unit *u)
{
	if (!unit_look(d, SERVICE, u))
		return;
	if (is(u->active, "failed")) {
		tell(d, VERDICT_FINDING, SERVICE,
		     "`journalctl -x -e -u " SERVICE
		     "` says why; then `systemctl reset-failed " SERVICE " " SOCKET
		     "` and `systemctl restart " SOCKET "`",
		     "it has failed (%s)", u->result);
		return;
	}
	if (!is(u->active, "active")) {
		tell(d, VERDICT_NOTE, SERVICE, NULL, "it is %s; the first connection starts it",
		     u->active);
		return;
	}
	if (!is(u->restarts, "0") && u->restarts[0])
		tell(d, VERDICT_NOTE, SERVICE, "`journalctl -x -u " SERVICE "` says why",
		     "it had to be started again %s times by itself", u->restarts);
	store_look(d, u);
	tell(d, VERDICT_OK, SERVICE, NULL, "it is active%s%s", u->status[0] ? ": " : "", u->status);
}

void doctor_units(struct doctor *d)
{
	struct unit unit;

	if (!d->booted) {
		tell(d, VERDICT_SKIPPED, "units", NULL, "systemd does not run this host");
		return;
	}
	if (!unit_get(SHOW SOCKET " 2>/dev/null", &unit)) {
		tell(d, VERDICT_SKIPPED, "units", NULL, "systemctl does not answer");
		return;
	}
	socket_look(d, &unit);
	if (unit_get(SHOW SERVICE " 2>/dev/null", &unit))
		service_look(d, &unit);
}
