/*
 * text - the daemon's text into arrays of the public structs
 *
 * Role:       one way to cut what is too long.
 * Uses:       libc
 */
#ifndef PACLIENT_LIB_TEXT_H
#define PACLIENT_LIB_TEXT_H

#include <stddef.h>

/** text_copy() - as much of @from as there is room for, never cut inside a UTF-8 character. */
void text_copy(char *to, size_t size, const char *from);

#endif
