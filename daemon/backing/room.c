/*
 * room - is there memory for what shall be committed?
 *
 * Role:       fallocate() on files of memory does not say no: when memory runs out, the kernel kills processes until there is some. So it is asked before
 *             how much is left, and what several threads are about to take counts for each of them.
 * Uses:       base/
 * Cost:       a look at the system is some 20 to 100 us: one for each ROOM_STEP of small commits, and one for each large one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "backing/backing_private.h"

/* What a backing may take between two looks. */
#define ROOM_STEP (INT64_C(64) << 20)
/* What stays for the rest of the system, so that it does not stand still while it looks for the last page. */
#define ROOM_SPARE (UINT64_C(64) << 20)

/* What threads are taking just now; they have looked, and the system does not show it yet. */
static uint64_t promised_bytes;

/* What one control group still lets us take: up to its limit, in place of what it has of files, which can be read again. */
static uint64_t group_left(const char *group)
{
	uint64_t max, current, n, files = 0;
	char path[PATH_MAX + 600];

	snprintf(path, sizeof(path), "%s/memory.max", group);
	if (!number_read(path, NULL, &max)) /* "max": no limit */
		return UINT64_MAX;
	snprintf(path, sizeof(path), "%s/memory.current", group);
	if (!number_read(path, NULL, &current))
		return UINT64_MAX;
	snprintf(path, sizeof(path), "%s/memory.stat", group);
	if (number_read(path, "active_file ", &n))
		files += n;
	if (number_read(path, "inactive_file ", &n))
		files += n;
	current -= files < current ? files : current;
	return max > current ? max - current : 0;
}

/* "0::/system.slice/pallocd.service" of /proc/self/cgroup; "" where there is no such line. */
static void group_read(const char *self, char group[static PATH_MAX])
{
	FILE *file = fopen(self, "re");

	group[0] = '\0';
	if (!file)
		return;
	while (fgets(group, PATH_MAX, file)) {
		if (strncmp(group, "0::", 3) == 0)
			break;
		group[0] = '\0';
	}
	fclose(file);
	group[strcspn(group, "\n")] = '\0';
}

uint64_t room_groups(const char *self, const char *root)
{
	char line[PATH_MAX], path[PATH_MAX + 512];
	uint64_t left = UINT64_MAX, n;
	char *group = line + 3, *slash;

	group_read(self, line);
	if (!line[0])
		return left;
	/* A limit of a group holds for all that are below it. */
	while ((slash = strrchr(group, '/')) != NULL) {
		snprintf(path, sizeof(path), "%s%s", root, group);
		n = group_left(path);
		if (n < left)
			left = n;
		*slash = '\0';
	}
	return left;
}

/* With swap, where these pages can go as well. */
static uint64_t available(void)
{
	uint64_t kib, bytes, groups;
	struct sysinfo info;

	/* Without /proc nothing is known, and the kernel decides. */
	if (!number_read("/proc/meminfo", "MemAvailable:", &kib))
		return UINT64_MAX;
	bytes = kib * 1024;
	if (sysinfo(&info) == 0)
		bytes += (uint64_t)info.freeswap * info.mem_unit;
	groups = room_groups("/proc/self/cgroup", "/sys/fs/cgroup");
	return bytes < groups ? bytes : groups;
}

/* Of [@offset, @offset + @bytes), what has no memory yet. */
static uint64_t holes(const struct backing *b, uint64_t offset, uint64_t bytes)
{
	uint64_t end = offset + bytes, n = bytes, data, data_bytes;

	while (offset < end && backing_next_data(b, offset, &data, &data_bytes) && data < end) {
		offset = data + data_bytes;
		n -= (offset < end ? offset : end) - data;
	}
	return n;
}

/* Promise @bytes if there is room beside what is promised already. */
static bool promise(uint64_t bytes)
{
	uint64_t before = __atomic_fetch_add(&promised_bytes, bytes, __ATOMIC_RELAXED);
	uint64_t left = available();

	if (left >= ROOM_SPARE && left - ROOM_SPARE >= before &&
	    left - ROOM_SPARE - before >= bytes)
		return true;
	room_end(bytes);
	return false;
}

bool room_take(struct backing *b, uint64_t offset, uint64_t bytes, uint64_t *ret_promised)
{
	int64_t credit;

	*ret_promised = 0;
	if (b->place != PLACE_MEMORY)
		return true;
	if (bytes < (uint64_t)ROOM_STEP) {
		credit = __atomic_sub_fetch(&b->credit_bytes, (int64_t)bytes, __ATOMIC_RELAXED);
		if (credit >= 0)
			return true;
		if (promise((uint64_t)ROOM_STEP + bytes)) {
			room_end((uint64_t)ROOM_STEP);
			*ret_promised = bytes;
			__atomic_store_n(&b->credit_bytes, ROOM_STEP, __ATOMIC_RELAXED);
			return true;
		}
	}
	/* Little is left, or much is wanted: exactly, then. */
	bytes = holes(b, offset, bytes);
	if (!promise(bytes))
		return false;
	*ret_promised = bytes;
	return true;
}

void room_end(uint64_t promised)
{
	__atomic_fetch_sub(&promised_bytes, promised, __ATOMIC_RELAXED);
}
