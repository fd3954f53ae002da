/*
 * config_complain - what is wrong with the configuration, for whoever has to put it right
 *
 * Role:       one line for each complaint, "PLACE: what, and what to do", with the file, the line, the key and the region as fields.
 * Uses:       base/, service/config.h
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "service/config.h"
#include "service/config_value.h"

/* Names a path or two. */
#define CONFIG_COMPLAINT_BYTES (3 * PATH_MAX + 1024)

/* For who has to say it once more, elsewhere. */
static char complaint[CONFIG_WHERE_BYTES + CONFIG_COMPLAINT_BYTES];

static void note(const char *where, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
static void note(const char *where, const char *fmt, va_list args)
{
	char text[CONFIG_COMPLAINT_BYTES];

	vsnprintf(text, sizeof(text), fmt, args);
	snprintf(complaint, sizeof(complaint), "%s: %s", where, text);
}

void config_note(const char *where, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	note(where, fmt, args);
	va_end(args);
}

void config_place(const char *where, struct config_place *ret)
{
	const char *colon = strrchr(where, ':');

	*ret = (struct config_place){0};
	if (where[0] == '-')
		return;
	if (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1)) {
		snprintf(ret->file, sizeof(ret->file), "%.*s", (int)(colon - where), where);
		ret->line = strtoull(colon + 1, NULL, 10);
	} else if (where[0] == '/') {
		snprintf(ret->file, sizeof(ret->file), "%s", where);
	}
}

static int complain(const char *where, const char *region, const char *key, const char *fmt,
		    va_list args) PRINTF_LIKE(4, 0);
static int complain(const char *where, const char *region, const char *key, const char *fmt,
		    va_list args)
{
	struct config_place place;

	note(where, fmt, args);
	config_place(where, &place);
	log_event(LOG_LEVEL_ERROR, LOG_ID_CONFIG_REFUSED,
		  LOG_FIELDS(ABOUT_FILE(place.file), ABOUT_LINE(place.line), ABOUT_KEY(key),
			     ABOUT_REGION(region)),
		  "%s", complaint);
	return CONFIG_E_BAD;
}

int config_complain(const char *where, const char *fmt, ...)
{
	va_list args;
	int err;

	va_start(args, fmt);
	err = complain(where, "", "", fmt, args);
	va_end(args);
	return err;
}

int config_value_complain(const struct config_value *v, const char *fmt, ...)
{
	va_list args;
	int err;

	va_start(args, fmt);
	err = complain(v->where, v->region, v->key, fmt, args);
	va_end(args);
	return err;
}

int config_region_complain(const struct config_region *r, const char *fmt, ...)
{
	va_list args;
	int err;

	va_start(args, fmt);
	err = complain(r->where, r->config.name, "", fmt, args);
	va_end(args);
	return err;
}

const char *config_complaint(void)
{
	return complaint;
}
