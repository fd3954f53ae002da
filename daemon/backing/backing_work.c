/*
 * backing_work - memory comes and goes behind a region's addresses
 *
 * Role:       see backing.h. Every range is whole backing pages within the file: another one is our own bug.
 * Uses:       base/
 * Cost:       fallocate(2)'s, which works on a range as long as it takes; large ones are cut, so that others have their turn at the file, and a signal undoes a
 *             piece and not all.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backing/backing_private.h"

/* A piece of these takes some 20 ms, from memory that has to be cleared. */
#define FILL_BYTES (UINT64_C(64) << 20)
#define PUNCH_BYTES (UINT64_C(1) << 30)
#define ZEROS_BYTES 65536u

static void range_check(const struct backing *b, uint64_t offset, uint64_t bytes)
{
	assert(offset % b->info.page_bytes == 0 && bytes % b->info.page_bytes == 0);
	assert(offset <= b->info.bytes && bytes <= b->info.bytes - offset);
}

static bool no_memory(int err)
{
	return err == ENOSPC || err == ENOMEM || err == EDQUOT;
}

/* fallocate() in pieces. Return: 0, errno. */
static int range_do(const struct backing *b, int mode, uint64_t offset, uint64_t bytes,
		    uint64_t piece)
{
	const uint64_t unit = b->info.page_bytes;

	while (bytes) {
		uint64_t n = bytes < piece ? bytes : piece;

		if (n < unit)
			n = unit;
		if (!fallocate(b->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n)) {
			offset += n;
			bytes -= n;
			continue;
		}
		if (errno != EINTR)
			return errno;
		/* Where signals come so often that a piece cannot be done between two, half of it can. */
		piece = n / 2 / unit * unit;
	}
	return 0;
}

/* Who may write a file that is not sealed may shorten it; who maps it would meet SIGBUS then. */
static int length_restore(const struct backing *b)
{
	struct stat st;

	if (b->info.sealed || b->place == PLACE_DEVICE)
		return 0;
	if (fstat(b->fd, &st))
		return errno;
	if ((uint64_t)st.st_size >= b->info.bytes)
		return 0;
	return ftruncate(b->fd, (off_t)b->info.bytes) ? errno : 0;
}

int backing_commit(const struct backing *b, uint64_t offset, uint64_t bytes)
{
	uint64_t promised;
	int err;

	range_check(b, offset, bytes);
	if (b->place == PLACE_DEVICE)
		return 0;
	err = length_restore(b);
	if (err)
		return no_memory(err) ? BACKING_E_NO_MEMORY : -err;
	/* The credit alone changes, which is nobody's business outside. */
	if (!room_take((struct backing *)(uintptr_t)b, offset, bytes, &promised))
		return BACKING_E_NO_MEMORY;
	err = range_do(b, 0, offset, bytes, FILL_BYTES);
	room_end(promised);
	return no_memory(err) ? BACKING_E_NO_MEMORY : -err;
}

int backing_release(const struct backing *b, uint64_t offset, uint64_t bytes)
{
	range_check(b, offset, bytes);
	if (!b->info.releases)
		return -EOPNOTSUPP;
	return -range_do(b, FALLOC_FL_PUNCH_HOLE, offset, bytes, PUNCH_BYTES);
}

/* Not through a mapping, where a file that somebody shortens would kill us. Return: 0, errno. */
static int zeros_write(const struct backing *b, uint64_t offset, uint64_t bytes)
{
	static const char zeros[ZEROS_BYTES];

	while (bytes) {
		ssize_t n = pwrite(b->fd, zeros, bytes < ZEROS_BYTES ? bytes : ZEROS_BYTES,
				   (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		offset += (uint64_t)n;
		bytes -= (uint64_t)n;
	}
	return 0;
}

int backing_clear(const struct backing *b, uint64_t offset, uint64_t bytes)
{
	int err;

	range_check(b, offset, bytes);
	if (b->info.releases)
		return backing_release(b, offset, bytes);
	if (bytes == 0)
		return 0;
	if (b->place == PLACE_DEVICE)
		return device_clear(b, offset, bytes);
	err = range_do(b, FALLOC_FL_ZERO_RANGE, offset, bytes, FILL_BYTES);
	if (err == EOPNOTSUPP)
		err = zeros_write(b, offset, bytes);
	return no_memory(err) ? BACKING_E_NO_MEMORY : -err;
}

uint64_t backing_resident_bytes(const struct backing *b)
{
	struct stat st;

	if (b->place == PLACE_DEVICE)
		return b->info.bytes;
	return fstat(b->fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

/* [@begin, @end) widened to whole backing pages, and not below @offset. */
static void data_set(const struct backing *b, uint64_t offset, uint64_t begin, uint64_t end,
		     uint64_t *ret_offset, uint64_t *ret_bytes)
{
	const uint64_t mask = b->info.page_bytes - 1;

	begin &= ~mask;
	if (begin < offset)
		begin = offset;
	end = (end + mask) & ~mask;
	if (end > b->info.bytes)
		end = b->info.bytes;
	*ret_offset = begin;
	*ret_bytes = end - begin;
}

bool backing_next_data(const struct backing *b, uint64_t offset, uint64_t *ret_offset,
		       uint64_t *ret_bytes)
{
	off_t begin, end;

	if (offset >= b->info.bytes)
		return false;
	/* hugetlbfs calls all of a file data: only an empty one is known. */
	if (b->place == PLACE_HUGE && backing_resident_bytes(b) == 0)
		return false;
	if (b->place == PLACE_HUGE || b->place == PLACE_DEVICE) {
		data_set(b, offset, offset, b->info.bytes, ret_offset, ret_bytes);
		return true;
	}
	/* These move the description's offset, which nothing else reads: it is ours alone, and everything that we do names its own. */
	begin = lseek(b->fd, (off_t)offset, SEEK_DATA);
	if (begin < 0 && errno == ENXIO)
		return false;
	if (begin < 0)
		begin = (off_t)offset;
	if ((uint64_t)begin >= b->info.bytes)
		return false;
	end = lseek(b->fd, begin, SEEK_HOLE);
	if (end <= begin)
		end = (off_t)b->info.bytes;
	data_set(b, offset, (uint64_t)begin, (uint64_t)end, ret_offset, ret_bytes);
	return true;
}
