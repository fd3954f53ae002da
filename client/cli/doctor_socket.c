/*
 * doctor_socket - the socket's file, and who may connect
 *
 * Role:       see doctor.h.
 * Uses:       doctor.h, the host's databases of users and groups
 */
#include "client/cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP_TEXT_BYTES 64
#define GROUPS_MAX 1024

static const char *group_text(gid_t gid, char *to)
{
	const struct group *g = getgrgid(gid);

	if (g && strlen(g->gr_name) < GROUP_TEXT_BYTES)
		return strcpy(to, g->gr_name);
	snprintf(to, GROUP_TEXT_BYTES, "%" PRIu32, (uint32_t)gid);
	return to;
}

/* This process' groups; those that the user would have after the next login may be others. */
static bool is_member(gid_t gid)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);

	for (int i = 0; i < n; i++) {
		if (groups[i] == gid)
			return true;
	}
	return getegid() == gid;
}

static bool will_be_member(gid_t gid)
{
	const struct passwd *pw = getpwuid(geteuid());
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;

	if (!pw || getgrouplist(pw->pw_name, pw->pw_gid, groups, &n) < 0)
		return false;
	for (int i = 0; i < n; i++) {
		if (groups[i] == gid)
			return true;
	}
	return false;
}

static void refused(struct doctor *d, const struct stat *st)
{
	char user[USER_TEXT_BYTES], group[GROUP_TEXT_BYTES], remedy[512];

	user_text(geteuid(), user);
	group_text(st->st_gid, group);
	if (!(st->st_mode & S_IWGRP) || st->st_gid == 0)
		snprintf(remedy, sizeof(remedy),
			 "`systemctl edit pallocd.socket` with [Socket], SocketGroup=%s, "
			 "SocketMode=0660, and restart it; without systemd, --socket-mode",
			 st->st_gid ? group : "pallocd");
	else if (will_be_member(st->st_gid))
		snprintf(remedy, sizeof(remedy),
			 "log in again: user %s is in group %s, but was not yet when this login "
			 "began (`sg %s -c '...'` does for one command)",
			 user, group, group);
	else
		snprintf(remedy, sizeof(remedy),
			 "`usermod -aG %s %s` as root, and log in again; or run this as root",
			 group, user);
	tell(d, VERDICT_FINDING, "access", remedy,
	     "user %s may not connect: the file is for its owner%s%s%s", user,
	     st->st_mode & S_IWGRP ? " and group " : "", st->st_mode & S_IWGRP ? group : "",
	     st->st_mode & S_IWOTH ? ", and for others" : "");
}

static void doctor_access(struct doctor *d, const struct stat *st)
{
	char user[USER_TEXT_BYTES], group[GROUP_TEXT_BYTES];

	user_text(geteuid(), user);
	if (faccessat(AT_FDCWD, d->socket, W_OK, AT_EACCESS)) {
		refused(d, st);
		return;
	}
	if (st->st_mode & S_IWOTH)
		tell(d, VERDICT_NOTE, "access", NULL,
		     "everybody on this host may connect; Allow= of each region says who may do "
		     "what there");
	else if (geteuid() == st->st_uid || geteuid() == 0)
		tell(d, VERDICT_OK, "access", NULL, "user %s may connect", user);
	else
		tell(d, VERDICT_OK, "access", NULL, "user %s may connect, %s group %s", user,
		     is_member(st->st_gid) ? "as member of" : "by an access list, not by",
		     group_text(st->st_gid, group));
}

void doctor_socket(struct doctor *d)
{
	char user[USER_TEXT_BYTES], group[GROUP_TEXT_BYTES];
	struct stat st;

	if (stat(d->socket, &st)) {
		tell(d, VERDICT_FINDING, "socket",
		     errno == EACCES ? "let the folders above be searched by this user: mode 0755"
		     : d->booted
			     ? "`systemctl enable --now pallocd.socket` (`restart` where it is "
			       "active: somebody has deleted its file)"
			     : "start pallocd, or name its socket with --socket or PACLIENT_SOCKET",
		     "%s: %s", d->socket, strerror(errno));
		return;
	}
	if (!S_ISSOCK(st.st_mode)) {
		tell(d, VERDICT_FINDING, "socket",
		     "name the daemon's socket with --socket or PACLIENT_SOCKET",
		     "%s is there, but is no socket", d->socket);
		return;
	}
	tell(d, VERDICT_OK, "socket", NULL, "%s, owner %s, group %s, mode %04o", d->socket,
	     user_text(st.st_uid, user), group_text(st.st_gid, group), st.st_mode & 07777u);
	doctor_access(d, &st);
}
