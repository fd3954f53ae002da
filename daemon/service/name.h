/*
 * name - users and groups by name
 *
 * Role:       asks the system's databases (nsswitch.conf) for the number. May block: at start only.
 * Uses:       base/, libc
 */
#ifndef PALLOCD_SERVICE_NAME_H
#define PALLOCD_SERVICE_NAME_H

#include <stdint.h>

#include "base/macros.h"

enum name_outcome {
	NAME_E_UNKNOWN = 1, /* there is none of that name */
};

/** name_user(), name_group() - the id. Return: 0, NAME_E_UNKNOWN, -ENOMEM, or another negative errno: it cannot be found out. */
MUST_CHECK int name_user(const char *name, uint32_t *ret_uid);
MUST_CHECK int name_group(const char *name, uint32_t *ret_gid);

#endif
