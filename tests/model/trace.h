/*
 * trace - the state of a replay
 *
 * Role:       shared by the replayer's tables of lines: those on an allocator and those on its building blocks.
 * Uses:       pagealloc/, tests/model/trace_line.h
 */
#ifndef PALLOCD_TESTS_MODEL_TRACE_H
#define PALLOCD_TESTS_MODEL_TRACE_H

#include "pagealloc/internal.h"
#include "tests/model/trace_line.h"

#define TRACE_NCACHES 16

struct trace {
	bool sized; /* a tree for the case's address space, not the reference's five levels */
	bool legal; /* the file keeps the contract: every page freed was allocated, growth is chunk aligned */
	unsigned min_npages, huge_npages;
	/* the current case */
	struct pagealloc *pa;
	struct pagealloc_cache caches[TRACE_NCACHES];
	unsigned cache;
	uint64_t alloc_bits[CHUNK_NWORDS],
		scav_bits[CHUNK_NWORDS]; /* building blocks: 1 = allocated, as in the file */
	struct ranges ranges;
	struct scavindex scavindex;
	uint64_t nmarks; /* words of its marks */
};

/* A kind of line: its first word and what to do with it. Handlers report through line_fail() and line_got(). */
struct trace_verb {
	const char *word;
	void (*run)(struct trace *t, struct line *l);
};

extern const struct trace_verb trace_alloc_verbs[]; /* ended by a NULL word */
extern const struct trace_verb trace_unit_verbs[];

#endif
