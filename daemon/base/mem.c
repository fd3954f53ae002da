/*
 * mem - the one door to memory
 *
 * Role:       see mem.h.
 * Uses:       libc
 */
#include "base/mem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static long left_to_succeed = -1;
static unsigned long nfailed;

static bool must_fail(void)
{
	if (LIKELY(left_to_succeed < 0))
		return false;
	if (left_to_succeed > 0) {
		left_to_succeed--;
		return false;
	}
	nfailed++;
	return true;
}

void mem_fail_after(long n)
{
	left_to_succeed = n;
	nfailed = 0;
}

unsigned long mem_failed(void)
{
	return nfailed;
}

void *mem_alloc(size_t size)
{
	return must_fail() ? NULL : malloc(size);
}

void *mem_zalloc(size_t n, size_t size)
{
	return must_fail() ? NULL : calloc(n, size);
}

void *mem_resize(void *p, size_t n, size_t size)
{
	return must_fail() ? NULL : reallocarray(p, n, size);
}

void mem_free(void *p)
{
	free(p);
}

void mem_freep(void *pp)
{
	free(*(void **)pp);
}

static size_t page_bytes(void)
{
	static size_t bytes;

	if (!bytes)
		bytes = (size_t)sysconf(_SC_PAGESIZE);
	return bytes;
}

/* Lines of a cache. Any odd number of them for STRIDE: consecutive areas then begin far from one another in a page. */
#define LINE_BYTES 64u
#define STRIDE 37u

/*
 * Which set of a cache a byte goes to depends on its place in the page, for the first level on that alone. What is read together often lies
 * at the same place in several areas, and ranges that are far apart all begin with a page.
 */
static size_t place_in_page(void)
{
	static unsigned nareas;
	unsigned n = __atomic_fetch_add(&nareas, 1, __ATOMIC_RELAXED);

	return (size_t)n * STRIDE * LINE_BYTES % page_bytes();
}

void *mem_reserve(size_t size)
{
	size_t begin = place_in_page();
	char *p;

	if (must_fail() || size > SIZE_MAX - begin)
		return NULL;
	/* PROT_NONE: not counted as committed, whatever vm.overcommit_memory says. */
	p = mmap(NULL, begin + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p + begin;
}

int mem_commit(void *p, size_t size)
{
	uintptr_t mask = page_bytes() - 1;
	uintptr_t first = (uintptr_t)p & ~mask;
	uintptr_t limit = ((uintptr_t)p + size + mask) & ~mask;

	if (size == 0)
		return 0;
	if (must_fail())
		return -ENOMEM;
	if (mprotect((void *)first, limit - first, PROT_READ | PROT_WRITE) < 0)
		return -ENOMEM;
	return 0;
}

void mem_discard(void *p, size_t size)
{
	uintptr_t mask = page_bytes() - 1;
	uintptr_t first = ((uintptr_t)p + mask) & ~mask;
	uintptr_t limit = ((uintptr_t)p + size) & ~mask;

	/* Where the kernel does not take it, the bytes are 0 all the same. */
	if (first < limit)
		(void)madvise((void *)first, limit - first, MADV_DONTNEED);
}

void mem_unreserve(void *p, size_t size)
{
	size_t begin = (uintptr_t)p & (page_bytes() - 1);

	if (p)
		munmap((char *)p - begin, begin + size);
}
