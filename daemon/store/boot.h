/*
 * boot - which start of the system this is
 *
 * Role:       reads the kernel's number of this boot: times of clock_usec() and what lies in an environment that is not synced mean nothing after
 *             another one.
 * Uses:       base/
 */
#ifndef PALLOCD_STORE_BOOT_H
#define PALLOCD_STORE_BOOT_H

#include <stdint.h>

#include "base/macros.h"
#include "store/codec.h"

/* Where it is read; tests have boots of their own. */
extern const char *boot_path;

/** boot_get() - Return: 0, a negative errno, -EINVAL where the file holds something else. */
MUST_CHECK int boot_get(uint8_t ret_boot[BOOT_BYTES]);

#endif
