/*
 * memory - a memfd: memory that has a descriptor and no name
 *
 * Role:       makes it, as long as the region may become, and sees to it that it stays so: nobody shrinks or grows it, or opens it again for more than was
 *             given. Sparse: it takes memory where it is touched or committed.
 * Uses:       base/
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backing/backing_private.h"
#include "base/size.h"

/* Newer than some C libraries: nothing in it can be executed as a program, nor made executable. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int memory_seal(struct backing *b, const struct backing_why *why)
{
	/* A memfd is everybody's to open again through /proc, and for writing, unless its mode says otherwise. */
	if (fchmod(b->fd, 0600))
		return backing_refuse(why, BACKING_E_CONFIG, "the memfd's mode cannot be set: %s",
				      strerror(errno));
	if (ftruncate(b->fd, (off_t)b->info.bytes))
		return backing_refuse(why, errno == ENOMEM ? BACKING_E_NO_MEMORY : BACKING_E_CONFIG,
				      "a memfd cannot have %" PRIu64
				      " bytes: %s. Give the region a smaller limit",
				      b->info.bytes, strerror(errno));
	if (fcntl(b->fd, F_ADD_SEALS, SEALS))
		return backing_refuse(why, BACKING_E_CONFIG,
				      "the kernel does not seal the memfd: %s", strerror(errno));
	b->info.sealed = true;
	b->info.releases = true;
	return 0;
}

int memory_open(struct backing *b, const char *name, uint64_t page_bytes,
		const struct backing_why *why)
{
	int err;

	b->place = PLACE_MEMORY;
	b->info.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	err = backing_page_check(page_bytes, b->info.page_bytes, NULL, why);
	if (err)
		return err;
	b->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (b->fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		b->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (b->fd < 0)
		return backing_refuse(why, errno == ENOMEM ? BACKING_E_NO_MEMORY : BACKING_E_CONFIG,
				      "the kernel gives no memfd: %s", strerror(errno));
	return memory_seal(b, why);
}

/* What keeps the memory behind @b's fd from being what @c asks for; NULL: nothing. */
static const char *memory_differs(const struct backing *b, const struct backing_config *c,
				  uint64_t unit_bytes)
{
	const int seals = fcntl(b->fd, F_GET_SEALS);
	struct statfs fs;
	bool huge;

	/* Anything that is no memfd has none. There may be more: nothing in it can be executed. */
	if (seals < 0 || (seals & (SEALS | F_SEAL_WRITE)) != SEALS || fstatfs(b->fd, &fs))
		return "is not sealed as this program seals it";
	huge = fs.f_type == HUGETLBFS_MAGIC;
	if (huge != (c->kind == BACKING_HUGETLB))
		return huge ? "is of huge pages" : "is not of huge pages";
	if (huge && (uint64_t)fs.f_bsize != unit_bytes)
		return "is of huge pages of another size";
	return NULL;
}

int memory_adopt(struct backing *b, const struct backing_config *c, uint64_t page_bytes,
		 const struct backing_why *why)
{
	char was[SIZE_TEXT_BYTES], is[SIZE_TEXT_BYTES];
	uint64_t unit_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	const char *differs;
	struct stat st;
	int err = 0;

	if (c->kind == BACKING_HUGETLB)
		err = huge_page_bytes(c, &unit_bytes, why);
	if (!err)
		err = backing_page_check(page_bytes, unit_bytes, NULL, why);
	if (err)
		return err;
	differs = memory_differs(b, c, unit_bytes);
	if (differs)
		return backing_refuse(why, BACKING_E_CONFIG, "its memory of before %s", differs);
	if (fstat(b->fd, &st))
		return backing_refuse(why, BACKING_E_CONFIG, "its memory of before: %s",
				      strerror(errno));
	if ((uint64_t)st.st_size != b->info.bytes)
		return backing_refuse(
			why, BACKING_E_CONFIG, "its memory of before has %s, and its limit is %s",
			size_format((uint64_t)st.st_size, was), size_format(b->info.bytes, is));
	b->place = c->kind == BACKING_HUGETLB ? PLACE_HUGE : PLACE_MEMORY;
	b->info.page_bytes = unit_bytes;
	b->info.sealed = true;
	b->info.releases = true;
	return 0;
}
