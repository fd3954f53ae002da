/*
 * config_value - what a key's value may look like
 *
 * Role:       see config_value.h; rules of access are in config_rule.c.
 * Uses:       base/
 */
#include "service/config_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/duration.h"
#include "base/size.h"
#include "service/config.h"

/* Longer, and nobody would notice that a client hangs. */
#define TIMEOUT_MAX_USEC (UINT64_C(86400) * 1000000)

static int complain_range(const struct config_value *v)
{
	return config_value_complain(v, "%s=%s does not fit 64 bits: use a smaller number", v->key,
				     v->text);
}

int config_bytes(const struct config_value *v, uint64_t *ret_bytes)
{
	switch (size_parse(v->text, ret_bytes)) {
	case 0:
		return 0;
	case SIZE_E_RANGE:
		return complain_range(v);
	default:
		return config_value_complain(
			v,
			"%s=%s is no size: write bytes, or a number with K, M, G, T "
			"or P, such as 16M",
			v->key, v->text);
	}
}

int config_quota_bytes(const struct config_value *v, uint64_t min, uint64_t *ret_bytes)
{
	char text[SIZE_TEXT_BYTES];
	uint64_t bytes = 0;
	int err;

	if (strcmp(v->text, CONFIG_INFINITY)) {
		err = config_bytes(v, &bytes);
		if (err)
			return err;
		if (bytes < min)
			return config_value_complain(
				v,
				"%s=%s is too little to work with: write at least "
				"%s, or " CONFIG_INFINITY " for no limit",
				v->key, v->text, size_format(min, text));
	}
	*ret_bytes = bytes;
	return 0;
}

int config_quota_count(const struct config_value *v, uint32_t infinity, uint32_t *ret_count)
{
	uint64_t n = infinity;

	if (strcmp(v->text, CONFIG_INFINITY) && (number_parse(v->text, UINT32_MAX, &n) || n == 0))
		return config_value_complain(
			v,
			"%s=%s is not possible: write a number from 1 to %" PRIu32
			", or " CONFIG_INFINITY " for no limit",
			v->key, v->text, UINT32_MAX);
	*ret_count = (uint32_t)n;
	return 0;
}

int config_usec(const struct config_value *v, uint64_t *ret_usec)
{
	uint64_t usec;

	switch (duration_parse(v->text, &usec)) {
	case 0:
		break;
	case DURATION_E_RANGE:
		return complain_range(v);
	default:
		return config_complain(
			v->where,
			"%s=%s is no time: write seconds, or numbers with us, ms, s, min, h, d or "
			"w, such as 500ms or 1h 30min",
			v->key, v->text);
	}
	if (usec == 0)
		return config_value_complain(v, "%s=%s is no time at all: write a longer one",
					     v->key, v->text);
	*ret_usec = usec;
	return 0;
}

int config_timeout_msec(const struct config_value *v, uint64_t *ret_msec)
{
	uint64_t usec;
	int err = config_usec(v, &usec);

	if (err)
		return err;
	if (usec < 1000 || usec > TIMEOUT_MAX_USEC)
		return config_value_complain(
			v, "%s=%s is not possible: write a time from 1ms to 1d", v->key, v->text);
	*ret_msec = usec / 1000;
	return 0;
}

int config_flag(const struct config_value *v, bool *ret_flag)
{
	static const struct {
		const char *yes, *no;
	} words[] = {{"yes", "no"}, {"true", "false"}, {"1", "0"}, {"on", "off"}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		bool yes = strcasecmp(v->text, words[i].yes) == 0;

		if (yes || strcasecmp(v->text, words[i].no) == 0) {
			*ret_flag = yes;
			return 0;
		}
	}
	return config_value_complain(v, "%s=%s is neither yes nor no: write one of them", v->key,
				     v->text);
}

void config_list_add(char *list, size_t size, size_t i, size_t n, const char *word)
{
	size_t at = strlen(list);

	snprintf(list + at, size - at, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", word);
}
