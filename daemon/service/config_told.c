/*
 * config_told - which values were told, and where
 *
 * Role:       see config_told.h.
 * Uses:       base/
 */
#include "service/config_told.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

int told_add(struct config_tolds *t, unsigned key, const char *value, const char *where)
{
	size_t nvalue = strlen(value) + 1, nwhere = strlen(where) + 1;
	CLEANUP(mem_freep) char *text = mem_alloc(nvalue + nwhere);
	struct config_told *v = text ? mem_resize(t->v, t->n + 1, sizeof(*v)) : NULL;

	if (!v)
		return -ENOMEM;
	t->v = v;
	memcpy(text, value, nvalue);
	memcpy(text + nvalue, where, nwhere);
	v[t->n] = (struct config_told){.key = key, .where = text + nvalue};
	v[t->n++].value = take_ptr(text);
	return 0;
}

void told_forget(struct config_tolds *t, unsigned key)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].key == key)
			mem_free(t->v[i].value);
		else
			t->v[n++] = t->v[i];
	}
	t->n = n;
}

const struct config_told *told_find(const struct config_tolds *t, unsigned key)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].key == key)
			return &t->v[i];
	}
	return NULL;
}

size_t told_text(const struct config_tolds *t, unsigned key, char *buf, size_t size)
{
	size_t n = 0, at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < t->n && at < size; i++) {
		if (t->v[i].key == key)
			at += (size_t)snprintf(buf + at, size - at, "%s%s", n++ ? ", " : "",
					       t->v[i].value);
	}
	return n;
}

void tolds_deinit(struct config_tolds *t)
{
	for (size_t i = 0; i < t->n; i++)
		mem_free(t->v[i].value);
	mem_free(t->v);
	*t = (struct config_tolds){0};
}
