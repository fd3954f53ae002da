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

void *mem_reserve(size_t size)
{
	void *p;

	if (must_fail())
		return NULL;
	/* PROT_NONE: not counted as committed, whatever vm.overcommit_memory says. */
	p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
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
	if (p)
		munmap(p, size);
}
