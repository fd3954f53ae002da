/*
 * session - sessions, users and the set of regions
 *
 * Role:       see session.h.
 * Uses:       base/, region/
 */
#include "region/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* A user as owner. Hosts have tens of them, so a list does. */
struct user {
	struct owner owner;
	struct list in_regions;
};

void regions_init(struct regions *rs, uid_t daemon_uid)
{
	*rs = (struct regions){.daemon_uid = daemon_uid, .next_session_id = 1};
	list_init(&rs->users);
	list_init(&rs->sessions);
	list_init(&rs->ending);
}

/* The regions went before, and took all holdings with them. */
static void sessions_free(struct list *sessions)
{
	list_for_each (link, sessions) {
		list_remove(link);
		mem_free(list_entry(link, struct session, in_regions));
	}
}

void regions_deinit(struct regions *rs)
{
	for (uint32_t i = 0; i < rs->n; i++)
		region_destroy(rs->table[i]);
	mem_free(rs->table);
	sessions_free(&rs->sessions);
	sessions_free(&rs->ending);
	list_for_each (link, &rs->users) {
		list_remove(link);
		mem_free(list_entry(link, struct user, in_regions));
	}
	regions_init(rs, rs->daemon_uid);
}

int regions_add(struct regions *rs, const struct region_config *c)
{
	struct region **table, *r;
	int err;

	if (regions_by_name(rs, c->name))
		return REGIONS_E_DUPLICATE;
	table = mem_resize(rs->table, (size_t)rs->n + 1, sizeof(struct region *));
	if (!table)
		return -ENOMEM;
	rs->table = table;
	err = region_new(c, rs->n + 1, &r);
	if (err)
		return err < 0 ? err : REGIONS_E_CONFIG;
	rs->table[rs->n++] = r;
	return 0;
}

struct region *regions_by_id(const struct regions *rs, uint32_t id)
{
	return id >= 1 && id <= rs->n ? rs->table[id - 1] : NULL;
}

struct region *regions_by_name(const struct regions *rs, const char *name)
{
	for (uint32_t i = 0; i < rs->n; i++) {
		if (strcmp(rs->table[i]->name, name) == 0)
			return rs->table[i];
	}
	return NULL;
}

int regions_user(struct regions *rs, uid_t uid, struct owner **ret_owner)
{
	struct user *user;

	list_for_each (link, &rs->users) {
		user = list_entry(link, struct user, in_regions);
		if (user->owner.uid == uid) {
			*ret_owner = &user->owner;
			return 0;
		}
	}
	user = mem_zalloc(1, sizeof(*user));
	if (!user)
		return -ENOMEM;
	owner_init(&user->owner, true, uid);
	list_push(&rs->users, &user->in_regions);
	*ret_owner = &user->owner;
	return 0;
}

int session_open(struct regions *rs, const struct session_peer *peer, const char *client,
		 struct session **ret_session)
{
	struct session *s = mem_zalloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	owner_init(&s->owner, false, peer->uid);
	s->regions = rs;
	s->id = rs->next_session_id++;
	s->pid = peer->pid;
	s->gid = peer->gid;
	snprintf(s->client, sizeof(s->client), "%s", client);
	list_push(&rs->sessions, &s->in_regions);
	rs->nsessions++;
	*ret_session = s;
	return 0;
}

void session_end(struct session *s)
{
	list_remove(&s->in_regions);
	list_append(&s->regions->ending, &s->in_regions);
	s->regions->nsessions--;
}

bool session_reclaim(struct session *s, uint32_t *budget)
{
	list_for_each (link, &s->owner.holdings) {
		if (!region_reclaim(list_entry(link, struct holding, in_owner), budget))
			return false;
	}
	list_remove(&s->in_regions);
	mem_free(s);
	return true;
}

bool regions_reclaim(struct regions *rs, uint32_t budget)
{
	while (!list_empty(&rs->ending) && budget) {
		/* An ended session costs something even where it holds nothing. */
		budget--;
		if (!session_reclaim(list_entry(rs->ending.next, struct session, in_regions),
				     &budget))
			return false;
	}
	return list_empty(&rs->ending);
}

bool session_may_free(const struct session *s, const struct owner *o)
{
	if (!o)
		return false;
	if (o == &s->owner)
		return true;
	return o->detached && (o->uid == s->owner.uid || s->owner.uid == 0 ||
			       s->owner.uid == s->regions->daemon_uid);
}
