/*
 * regions - all regions together, and the users
 *
 * Role:       see session.h.
 * Uses:       base/, region/
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "region/region_private.h"
#include "region/session.h"
#include "region/session_index.h"

void regions_init(struct regions *rs, uid_t daemon_uid)
{
	*rs = (struct regions){
		.daemon_uid = daemon_uid,
		.next_session_id = 1,
		.limits = {.sessions = USER_SESSIONS_DEFAULT,
			   .connections = USER_CONNECTIONS_DEFAULT,
			   .waiting = USER_WAITING_DEFAULT,
			   .queued_bytes = USER_QUEUED_BYTES_DEFAULT},
	};
	rs->session_changes.any = &rs->changed;
	list_init(&rs->users);
	for (size_t i = 0; i < ARRAY_SIZE(rs->sessions); i++)
		list_init(&rs->sessions[i]);
}

static void user_free(struct user *user)
{
	list_for_each (link, &user->accounts)
		mem_free(list_entry(link, struct account, in_user));
	mem_free(user);
}

void regions_deinit(struct regions *rs)
{
	/* The regions first: they take all holdings with them. */
	for (uint32_t i = 0; i < rs->n; i++)
		region_destroy(rs->table[i]);
	mem_free(rs->table);
	for (size_t i = 0; i < ARRAY_SIZE(rs->sessions); i++) {
		list_for_each (link, &rs->sessions[i])
			session_free(list_entry(link, struct session, in_regions));
	}
	list_for_each (link, &rs->users)
		user_free(list_entry(link, struct user, in_regions));
	index_free(rs->index);
	changes_deinit(&rs->session_changes);
	events_deinit(&rs->events);
	regions_init(rs, rs->daemon_uid);
}

/* Room for the rights in one region more. */
static int rights_reserve(struct regions *rs)
{
	for (size_t i = 0; i < ARRAY_SIZE(rs->sessions); i++) {
		list_for_each (link, &rs->sessions[i]) {
			struct session *s = list_entry(link, struct session, in_regions);
			uint8_t *rights = mem_resize(s->rights, (size_t)rs->n + 1, sizeof(*rights));

			if (!rights)
				return -ENOMEM;
			s->rights = rights;
		}
	}
	return 0;
}

static void rights_fill(struct regions *rs)
{
	for (size_t i = 0; i < ARRAY_SIZE(rs->sessions); i++) {
		list_for_each (link, &rs->sessions[i]) {
			struct session *s = list_entry(link, struct session, in_regions);
			struct session_peer peer = {.uid = s->owner.uid, .gid = s->gid};

			session_rights_set(s, &peer, rs->n - 1);
		}
	}
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
	err = rights_reserve(rs);
	if (err)
		return err;
	err = region_new(c, rs->n + 1, &r);
	if (err)
		return err < 0 ? err : REGIONS_E_CONFIG;
	r->events = &rs->events;
	r->changes.any = &rs->changed;
	r->number = r->id;
	rs->table[rs->n++] = r;
	rights_fill(rs);
	return 0;
}

struct region *regions_by_id(const struct regions *rs, uint32_t id)
{
	struct region *r = id >= 1 && id <= rs->n ? rs->table[id - 1] : NULL;

	return r && !r->closed ? r : NULL;
}

struct region *regions_by_number(const struct regions *rs, uint32_t number)
{
	struct region *r = regions_by_id(rs, number);

	/* Mostly they are the same. */
	if (LIKELY(r && r->number == number))
		return r;
	for (uint32_t i = 0; i < rs->n; i++) {
		if (rs->table[i]->number == number && !rs->table[i]->closed)
			return rs->table[i];
	}
	return NULL;
}

struct region *regions_by_name(const struct regions *rs, const char *name)
{
	for (uint32_t i = 0; i < rs->n; i++) {
		if (strcmp(rs->table[i]->name, name) == 0 && !rs->table[i]->closed)
			return rs->table[i];
	}
	return NULL;
}

int regions_user(struct regions *rs, uid_t uid, struct user **ret_user)
{
	struct user *user;

	/* Hosts have tens of them, so a list does. */
	list_for_each (link, &rs->users) {
		user = list_entry(link, struct user, in_regions);
		if (user->owner.uid == uid) {
			*ret_user = user;
			return 0;
		}
	}
	user = mem_zalloc(1, sizeof(*user));
	if (!user)
		return -ENOMEM;
	owner_init(&user->owner, true, uid);
	user->owner.user = user;
	list_init(&user->accounts);
	list_push(&rs->users, &user->in_regions);
	*ret_user = user;
	return 0;
}

bool regions_operator(const struct regions *rs, uid_t uid)
{
	return uid == 0 || uid == rs->daemon_uid;
}
