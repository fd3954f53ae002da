/*
 * config_value - what a key's value may look like
 *
 * Role:       one reader for each kind of value, which complains in one way, with the place, the key and the remedy.
 * Uses:       base/, region/access.h
 */
#ifndef PALLOCD_SERVICE_CONFIG_VALUE_H
#define PALLOCD_SERVICE_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/macros.h"
#include "region/access.h"

/* A value, and what is said about it. */
struct config_value {
	const char *where;
	const char *region; /* "": the daemon's own */
	const char *key;    /* as it is spelt there */
	const char *text;
};

/* For what has no limit. */
#define CONFIG_INFINITY "infinity"

/* All of them. Return: 0, CONFIG_E_BAD; the last one also -ENOMEM. Nothing is written but on 0. */

/** config_bytes() - a size. config_quota_bytes() - the same, at least @min; or CONFIG_INFINITY, which is 0. */
MUST_CHECK int config_bytes(const struct config_value *v, uint64_t *ret_bytes);
MUST_CHECK int config_quota_bytes(const struct config_value *v, uint64_t min, uint64_t *ret_bytes);

/** config_quota_count() - a number from 1 to UINT32_MAX; or CONFIG_INFINITY, which is @infinity. */
MUST_CHECK int config_quota_count(const struct config_value *v, uint32_t infinity,
				  uint32_t *ret_count);

/** config_usec() - a time that is not 0; DURATION_INFINITY is possible. config_timeout_msec() - one from a millisecond to a day. */
MUST_CHECK int config_usec(const struct config_value *v, uint64_t *ret_usec);
MUST_CHECK int config_timeout_msec(const struct config_value *v, uint64_t *ret_msec);

/** config_flag() - yes or no, in the words that the service manager's files take. */
MUST_CHECK int config_flag(const struct config_value *v, bool *ret_flag);

/** config_rule() - "WHO:RIGHT,RIGHT": users and groups are looked up. */
MUST_CHECK int config_rule(const struct config_value *v, struct access_rule *ret_rule);

/** config_list_add() - put @word, the @i-th of @n, behind those in @list: "a, b or c". */
void config_list_add(char *list, size_t size, size_t i, size_t n, const char *word);

#endif
