/*
 * config_print - the configuration in force, as a file
 *
 * Role:       each key with its value, below a comment that says where that comes from; a reader of files gets the same configuration from it. What was told is
 *             printed as it was told.
 * Uses:       service/config.h
 */
#include <errno.h>

#include "service/config.h"
#include "service/config_backing.h"

/* A line of a file may not be longer than 199 characters. */
#define WHERE_CHARS_MAX 180

static void value_print(FILE *out, const char *key, const char *value, const char *where)
{
	fputs("# ", out);
	for (int i = 0; where[i] && i < WHERE_CHARS_MAX; i++)
		fputc((unsigned char)where[i] < ' ' ? '?' : where[i], out);
	fprintf(out, "\n%s=%s\n", key, value);
}

/* Return: was anything told? */
static bool told_print(FILE *out, const struct config_tolds *t, size_t i, const char *key)
{
	bool any = false;

	for (size_t k = 0; k < t->n; k++) {
		if (t->v[k].key != i)
			continue;
		value_print(out, key, t->v[k].value, t->v[k].where);
		any = true;
	}
	return any;
}

static void region_print(const struct config_region *r, FILE *out)
{
	const char *key, *option, *text;

	fprintf(out, "\n[Region %s]\n", r->config.name);
	for (size_t i = 0; config_region_key(i, &key, &option); i++) {
		text = config_region_default(i);
		if (!told_print(out, &r->told, i, key) && text && config_region_means(r, i))
			value_print(out, key, text, "default");
	}
}

int config_print(const struct config *c, FILE *out)
{
	const char *key, *text;

	fputs("[Daemon]\n", out);
	for (size_t i = 0; config_daemon_key(i, &key); i++) {
		text = config_daemon_default(i);
		if (!told_print(out, &c->told, i, key) && text)
			value_print(out, key, text, "default");
	}
	for (size_t i = 0; i < c->nregions; i++)
		region_print(&c->regions[i], out);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
