/*
 * config_told - which values were told, and where
 *
 * Role:       remembers the text of each value that counts, with its place: for --print-config, and for saying at a reload what has changed. Values that later
 *             ones replace are forgotten.
 * Uses:       base/
 */
#ifndef PALLOCD_SERVICE_CONFIG_TOLD_H
#define PALLOCD_SERVICE_CONFIG_TOLD_H

#include <stddef.h>

#include "base/macros.h"

struct config_told {
	unsigned key; /* row of the table that the key is in */
	char *value;
	char *where; /* in the same block of memory */
};

/* In the order in which they were told. Zero-initialised. */
struct config_tolds {
	struct config_told *v;
	size_t n;
};

/** told_add() - one value more of @key; both texts are copied. Return: 0, -ENOMEM. */
MUST_CHECK int told_add(struct config_tolds *t, unsigned key, const char *value, const char *where);

/** told_forget() - all values of @key. */
void told_forget(struct config_tolds *t, unsigned key);

/** told_find() - the first one of @key; NULL: nobody told any. */
const struct config_told *told_find(const struct config_tolds *t, unsigned key);

/** told_text() - all values of @key, with a comma and a blank between them, cut at @size. Return: how many. */
size_t told_text(const struct config_tolds *t, unsigned key, char *buf, size_t size);

void tolds_deinit(struct config_tolds *t);

#endif
