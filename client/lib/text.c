/*
 * text - cutting text
 *
 * Role:       see text.h.
 * Uses:       libc
 */
#include "client/lib/text.h"

#include <string.h>

void text_copy(char *to, size_t size, const char *from)
{
	size_t n = strlen(from);

	if (n >= size) {
		n = size - 1;
		while (n && ((unsigned char)from[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(to, from, n);
	to[n] = '\0';
}
