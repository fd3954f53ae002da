/*
 * name - users and groups by name
 *
 * Role:       see name.h.
 * Uses:       base/, libc
 */
#include "service/name.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>

#include "base/mem.h"

/* A group's record holds all its members: it may be long, but has an end. */
#define RECORD_BYTES_MIN 1024u
#define RECORD_BYTES_MAX (16u << 20)

/* One look-up with so much room for the record. Return: an errno of the libc, 0 with *@ret_found. */
typedef int look_up(const char *name, char *buf, size_t size, uint32_t *ret_id, bool *ret_found);

static int user_look_up(const char *name, char *buf, size_t size, uint32_t *ret_id, bool *ret_found)
{
	struct passwd record, *found = NULL;
	int err = getpwnam_r(name, &record, buf, size, &found);

	*ret_found = found != NULL;
	if (found)
		*ret_id = found->pw_uid;
	return err;
}

static int group_look_up(const char *name, char *buf, size_t size, uint32_t *ret_id,
			 bool *ret_found)
{
	struct group record, *found = NULL;
	int err = getgrnam_r(name, &record, buf, size, &found);

	*ret_found = found != NULL;
	if (found)
		*ret_id = found->gr_gid;
	return err;
}

static int name_find(look_up *one, const char *name, uint32_t *ret_id)
{
	CLEANUP(mem_freep) char *buf = NULL;
	bool found = false;
	uint32_t id = 0;
	int err = ERANGE;

	for (size_t size = RECORD_BYTES_MIN; err == ERANGE && size <= RECORD_BYTES_MAX; size *= 2) {
		mem_free(buf);
		buf = mem_alloc(size);
		if (!buf)
			return -ENOMEM;
		err = one(name, buf, size, &id, &found);
	}
	if (found) {
		*ret_id = id;
		return 0;
	}
	/* That there is none is 0 by the book; these are what some databases say instead. */
	return err == 0 || err == ENOENT || err == ESRCH ? NAME_E_UNKNOWN : -err;
}

int name_user(const char *name, uint32_t *ret_uid)
{
	return name_find(user_look_up, name, ret_uid);
}

int name_group(const char *name, uint32_t *ret_gid)
{
	return name_find(group_look_up, name, ret_gid);
}
