/*
 * huge - memory in huge pages
 *
 * Role:       a memfd of them, if the system has as many as the region may need: they are set aside by the administrator, so a region that begins without them
 *             would meet SIGBUS later, at a time when nobody is looking.
 * Uses:       base/
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "backing/backing_private.h"
#include "base/bits.h"
#include "base/size.h"

/* The kernel's encoding: the page size's exponent of two in the upper bits. */
#define SIZE_FLAG(bytes) ((unsigned)bits_ctz(bytes) << MFD_HUGE_SHIFT)

struct pages {
	uint64_t all, free, reserved, overcommit, surplus;
};

static bool pages_read(const char *sysfs, uint64_t page_bytes, struct pages *ret)
{
	const struct {
		const char *name;
		uint64_t *value;
	} files[] = {
		{"nr_hugepages", &ret->all},          {"free_hugepages", &ret->free},
		{"resv_hugepages", &ret->reserved},   {"nr_overcommit_hugepages", &ret->overcommit},
		{"surplus_hugepages", &ret->surplus},
	};
	char path[512];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/hugepages-%" PRIu64 "kB/%s", sysfs,
			 page_bytes / 1024, files[i].name);
		if (!number_read(path, NULL, files[i].value))
			return false;
	}
	return true;
}

/* Free ones that nobody has a claim to, and what the kernel would make beyond those set aside. */
static uint64_t pages_left(const struct pages *p)
{
	uint64_t left = p->free > p->reserved ? p->free - p->reserved : 0;

	return left + (p->overcommit > p->surplus ? p->overcommit - p->surplus : 0);
}

int huge_check(const char *sysfs, uint64_t page_bytes, uint64_t bytes,
	       const struct backing_why *why)
{
	char page[SIZE_TEXT_BYTES], all[SIZE_TEXT_BYTES];
	uint64_t need = bytes / page_bytes, left;
	struct pages p;

	size_format(page_bytes, page);
	if (!pages_read(sysfs, page_bytes, &p))
		return backing_refuse(why, BACKING_E_CONFIG,
				      "this system has no huge pages of %s: the sizes that it has "
				      "are in %s (1G takes hugepagesz=1G on the kernel's command "
				      "line)",
				      page, sysfs);
	left = pages_left(&p);
	if (left >= need)
		return 0;
	return backing_refuse(why, BACKING_E_NO_MEMORY,
			      "%" PRIu64 " huge pages of %s are free, and %" PRIu64
			      " are needed for all of its %s: write %" PRIu64
			      " to %s/hugepages-%" PRIu64
			      "kB/nr_hugepages%s, or give the region a smaller limit",
			      left, page, need, size_format(bytes, all), p.all + need - left, sysfs,
			      page_bytes / 1024,
			      page_bytes == UINT64_C(2) << 20 ? " (sysctl vm.nr_hugepages)" : "");
}

int huge_page_bytes(const struct backing_config *c, uint64_t *ret_bytes,
		    const struct backing_why *why)
{
	uint64_t kib;

	*ret_bytes = c->huge_bytes;
	if (c->huge_bytes)
		return 0;
	if (!number_read("/proc/meminfo", "Hugepagesize:", &kib) || kib == 0)
		return backing_refuse(why, BACKING_E_CONFIG,
				      "this system has no huge pages (no Hugepagesize in "
				      "/proc/meminfo): use memfd");
	*ret_bytes = kib * 1024;
	return 0;
}

int huge_open(struct backing *b, const struct backing_config *c, const char *name,
	      uint64_t page_bytes, const struct backing_why *why)
{
	uint64_t huge_bytes;
	int err;

	err = huge_page_bytes(c, &huge_bytes, why);
	if (!err)
		err = backing_page_check(page_bytes, huge_bytes, NULL, why);
	if (!err)
		err = huge_check(HUGE_SYSFS, huge_bytes, b->info.bytes, why);
	if (err)
		return err;
	b->place = PLACE_HUGE;
	b->info.page_bytes = huge_bytes;
	b->fd = memfd_create(name,
			     MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | SIZE_FLAG(huge_bytes));
	if (b->fd < 0)
		return backing_refuse(why, BACKING_E_CONFIG,
				      "the kernel gives no memfd of huge pages of %" PRIu64
				      " bytes: %s",
				      huge_bytes, strerror(errno));
	return memory_seal(b, why);
}
