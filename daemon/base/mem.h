/*
 * mem - the one door to memory: process heap and reserved address space
 *
 * Role:       every layer takes memory here, so that a test can make the n-th taking fail.
 * Uses:       base/macros.h
 * Threads:    the failure switch is for single-threaded tests; the rest is as safe as malloc.
 */
#ifndef PALLOCD_BASE_MEM_H
#define PALLOCD_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

/** mem_alloc() - @size bytes, not cleared; NULL where there is none. The caller gives it back with mem_free(). */
MUST_CHECK void *mem_alloc(size_t size);

/** mem_zalloc() - @n cleared objects of @size bytes; NULL where there is none or the product overflows. */
MUST_CHECK void *mem_zalloc(size_t n, size_t size);

/** mem_resize() - as realloc(3), for @n objects of @size bytes; on NULL the old block is as it was. */
MUST_CHECK void *mem_resize(void *p, size_t n, size_t size);

/** mem_free() - give back; NULL is allowed. */
void mem_free(void *p);

/** mem_freep() - for CLEANUP(): gives back what the variable points to. */
void mem_freep(void *pp);

/**
 * mem_reserve() - address space of at least @size bytes without memory behind it, not accessible; NULL where there is none
 *
 * The caller makes parts usable with mem_commit() and gives all of it back with mem_unreserve(). Aligned to 64 bytes: each
 * area begins elsewhere in a page, so that not all of them want the same lines of a cache.
 */
MUST_CHECK void *mem_reserve(size_t size);

/**
 * mem_commit() - make [@p, @p + @size) of a reservation usable; fresh bytes are 0
 *
 * Widened to whole system pages; what was committed before keeps its contents.
 * Return: 0, -ENOMEM.
 */
MUST_CHECK int mem_commit(void *p, size_t size);

/** mem_discard() - give the memory of the whole system pages in [@p, @p + @size) back; they stay usable and are 0. Their bytes must be 0. */
void mem_discard(void *p, size_t size);

/** mem_unreserve() - end a reservation of mem_reserve(@size); NULL is allowed. */
void mem_unreserve(void *p, size_t size);

/**
 * mem_fail_after() - let @n takings succeed and every later one fail (mem_alloc, mem_zalloc, mem_resize, mem_reserve, mem_commit)
 *
 * For tests. A negative @n switches failing off, which is the state at start.
 */
void mem_fail_after(long n);

/** mem_failed() - how many takings have failed since mem_fail_after(). */
unsigned long mem_failed(void);

#endif
