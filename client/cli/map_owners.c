/*
 * map_owners - who holds the extents of a map
 *
 * Role:       extents into owners, those who hold most first; how an owner is called.
 * Uses:       map.h
 */
#include "client/cli/map.h"

#include <inttypes.h>
#include <stdlib.h>

static int owner_order(uint64_t a_session, uint32_t a_uid, bool a_quarantined, uint64_t b_session,
		       uint32_t b_uid, bool b_quarantined)
{
	if (a_session != b_session)
		return a_session < b_session ? -1 : 1;
	if (a_uid != b_uid)
		return a_uid < b_uid ? -1 : 1;
	return (int)a_quarantined - (int)b_quarantined;
}

static int by_owner(const void *a, const void *b)
{
	const struct map_extent *x = *(struct map_extent *const *)a;
	const struct map_extent *y = *(struct map_extent *const *)b;

	return owner_order(x->session_id, x->uid, x->quarantined, y->session_id, y->uid,
			   y->quarantined);
}

/* Who holds most first; of the same, the older session. */
static int by_pages(const void *a, const void *b)
{
	const struct map_owner *x = a, *y = b;

	if (x->npages != y->npages)
		return x->npages > y->npages ? -1 : 1;
	return owner_order(x->session_id, x->uid, x->quarantined, y->session_id, y->uid,
			   y->quarantined);
}

/* Pages of the extent that are shown. */
static uint64_t npages_shown(const struct map *m, const struct map_extent *x)
{
	uint64_t end = m->shown.first + m->shown.npages, first = x->first,
		 limit = first + x->npages;

	first = first > m->shown.first ? first : m->shown.first;
	limit = limit < end ? limit : end;
	return limit > first ? limit - first : 0;
}

/* @order: the extents by their owners. Each new owner is one more. */
static void owners_count(struct map *m, struct map_extent **order)
{
	for (size_t i = 0; i < m->nextents; i++) {
		struct map_extent *x = order[i];
		struct map_owner *o;

		if (!i || by_owner(&order[i - 1], &order[i]) != 0) {
			m->owners[m->nowners] = (struct map_owner){.session_id = x->session_id,
								   .uid = x->uid,
								   .quarantined = x->quarantined,
								   .serial = m->nowners};
			m->nowners++;
		}
		o = &m->owners[m->nowners - 1];
		o->npages += npages_shown(m, x);
		o->nextents++;
	}
}

/* The same walk once more: each extent gets the number that its owner has now. */
static int owners_number(const struct cli *cli, const struct map *m, struct map_extent **order)
{
	uint32_t *number = calloc(m->nowners + 1, sizeof(*number));
	size_t serial = 0;

	if (!number)
		return system_error(cli, "no memory for the map");
	for (size_t i = 0; i < m->nowners; i++)
		number[m->owners[i].serial] = (uint32_t)i;
	for (size_t i = 0; i < m->nextents; i++) {
		serial += i && by_owner(&order[i - 1], &order[i]) != 0;
		order[i]->owner = number[serial];
	}
	free(number);
	return 0;
}

int map_owners(const struct cli *cli, struct map *m)
{
	struct map_extent **order = calloc(m->nextents + 1, sizeof(struct map_extent *));
	int err = 0;

	m->owners = calloc(m->nextents + 1, sizeof(*m->owners));
	if (!order || !m->owners) {
		err = system_error(cli, "no memory for the map");
	} else {
		for (size_t i = 0; i < m->nextents; i++)
			order[i] = &m->extents[i];
		qsort(order, m->nextents, sizeof(struct map_extent *), by_owner);
		owners_count(m, order);
		qsort(m->owners, m->nowners, sizeof(*m->owners), by_pages);
		err = owners_number(cli, m, order);
	}
	free(order);
	return err;
}

const char *map_owner_text(const struct map_owner *o, char *to)
{
	char user[USER_TEXT_BYTES];

	user_text(o->uid, user);
	if (!o->session_id)
		snprintf(to, MAP_OWNER_BYTES, "%s, detached", user);
	else if (o->quarantined)
		snprintf(to, MAP_OWNER_BYTES, "session %" PRIu64 " (%s), quarantine", o->session_id,
			 user);
	else
		snprintf(to, MAP_OWNER_BYTES, "session %" PRIu64 " (%s%s%s)", o->session_id,
			 o->command, o->command[0] ? ", " : "", user);
	return to;
}
