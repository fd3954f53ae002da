/*
 * siphash - a hash of bytes that others choose
 *
 * Role:       see siphash.h.
 * Uses:       nothing.
 */
#include "base/siphash.h"

/* Rounds for each word, and at the end. */
#define ROUNDS_WORD 2
#define ROUNDS_END 4

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void mix(uint64_t v[4], int rounds)
{
	while (rounds--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

/* Little endian, whatever the machine is. */
static uint64_t word_read(const uint8_t *p, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

static void word_add(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix(v, ROUNDS_WORD);
	v[0] ^= word;
}

uint64_t siphash(const uint64_t key[2], const void *data, size_t n)
{
	uint64_t v[4] = {
		key[0] ^ UINT64_C(0x736f6d6570736575),
		key[1] ^ UINT64_C(0x646f72616e646f6d),
		key[0] ^ UINT64_C(0x6c7967656e657261),
		key[1] ^ UINT64_C(0x7465646279746573),
	};
	const uint8_t *p = data;
	size_t left = n;

	for (; left >= 8; left -= 8, p += 8)
		word_add(v, word_read(p, 8));
	word_add(v, word_read(p, left) | (uint64_t)(n & 0xff) << 56);
	v[2] ^= 0xff;
	mix(v, ROUNDS_END);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
