/*
 * size - sizes and numbers as people write them
 *
 * Role:       text from options and files into numbers, with every overflow seen; numbers into text.
 * Uses:       libc
 */
#ifndef PALLOCD_BASE_SIZE_H
#define PALLOCD_BASE_SIZE_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

enum size_outcome {
	SIZE_E_SYNTAX = 1, /* not a number with a known suffix */
	SIZE_E_RANGE,      /* does not fit 64 bits */
};

/* Bytes that size_format() needs at the most: 20 digits, a letter and the end. */
#define SIZE_TEXT_BYTES 24

/**
 * size_parse() - "4096", "0x1000", "64K", "4KiB", "16M", "4G", "1TB" into bytes
 *
 * K, M, G, T, P are powers of 1024, with or without "B" or "iB", in either case. No sign, no blank, no fraction.
 * Return: 0, SIZE_E_SYNTAX, SIZE_E_RANGE.
 */
MUST_CHECK int size_parse(const char *text, uint64_t *ret_bytes);

/** size_format() - @bytes with the largest suffix that leaves nothing over: "16M", "4095". Returns @buf. */
const char *size_format(uint64_t bytes, char buf[static SIZE_TEXT_BYTES]);

/** number_parse() - a plain number, decimal or 0x…, up to @max. Return: 0, SIZE_E_SYNTAX, SIZE_E_RANGE. */
MUST_CHECK int number_parse(const char *text, uint64_t max, uint64_t *ret_value);

#endif
