/*
 * siphash - a hash of bytes that others choose
 *
 * Role:       SipHash-2-4 (Aumasson, Bernstein): who does not know the key cannot choose strings that meet in a table.
 * Uses:       nothing.
 */
#ifndef PALLOCD_BASE_SIPHASH_H
#define PALLOCD_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/** siphash() - the hash of @n bytes under @key; the same on every machine. */
uint64_t siphash(const uint64_t key[2], const void *data, size_t n);

#endif
