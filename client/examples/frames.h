/*
 * frames - what producer and consumer have agreed on
 *
 * Role:       names of the extents, and what lies in them.
 * Uses:       <paclient.h>
 *
 * Frame n lies in slot n % nslots, in an extent named "frame-0", "frame-1" and so on. The extent "frame-ring" says which frame
 * lies where:
 *
 *	newest = 7 ──┐
 *	ring:  [ 4 | 5 | 6 | 7 ]      a slot's number is 0 while the producer writes there
 *
 * The producer waits for nobody. A consumer reads where the frame lies, and looks afterwards whether its number still stands in
 * the ring: if not, the producer has come round meanwhile and what was read may be of two frames.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <paclient.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FRAME_BYTES ((size_t)4 << 20)
#define FRAME_WORDS (FRAME_BYTES / sizeof(uint64_t) - 2)
#define SLOTS_MAX 64

struct frame {
	uint64_t number;
	uint64_t sum; /* of the words */
	uint64_t words[FRAME_WORDS];
};

/* All zeros at first: the extent is asked for like that. */
struct ring {
	_Atomic uint64_t nslots; /* not 0: the rest is valid */
	_Atomic uint64_t newest; /* number of the last frame that is complete; from 1 */
	_Atomic uint64_t ended;  /* there will be no more */
	_Atomic uint64_t number[SLOTS_MAX];
};

#define RING_NAME "frame-ring"

/* "frame-3" */
static inline const char *slot_name(uint64_t slot, char to[PACLIENT_NAME_BYTES])
{
	snprintf(to, PACLIENT_NAME_BYTES, "frame-%u", (unsigned)slot);
	return to;
}

/* Each word of each frame is another one. */
static inline uint64_t frame_word(uint64_t number, uint64_t i)
{
	return (number * FRAME_WORDS + i) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint64_t pages_for(size_t nbytes, uint64_t page_size_bytes)
{
	return (nbytes + page_size_bytes - 1) / page_size_bytes;
}

static inline void sleep_ms(unsigned long ms)
{
	struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

/* The program cannot go on. */
static inline void fail(const char *what, const struct paclient_call *call)
{
	fprintf(stderr, "%s: %s\n", what, call->error.message);
	exit(1);
}

/* A number on the command line, from 1 to @max. */
static inline unsigned long number_arg(const char *what, const char *text, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || !n || n > max) {
		fprintf(stderr, "%s is \"%s\": wanted a number from 1 to %lu\n", what, text, max);
		exit(2);
	}
	return n;
}

#endif
