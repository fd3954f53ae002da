/*
 * numa - from which nodes a backing's memory comes
 *
 * Role:       tells the kernel by mbind(2) on a mapping of the whole file: for files of memory the policy is the inode's, so that it stays when the mapping
 *             goes, and whoever touches a page gets it from there.
 * Uses:       base/, backing/nodes.h. No libnuma: it is one call.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backing/backing_private.h"
#include "backing/nodes.h"

#define NODES_SYSFS "/sys/devices/system/node/has_memory"

static int mode_of(enum backing_numa numa)
{
	switch (numa) {
	case BACKING_NUMA_DEFAULT:
		return MPOL_DEFAULT;
	case BACKING_NUMA_BIND:
		return MPOL_BIND;
	case BACKING_NUMA_INTERLEAVE:
		return MPOL_INTERLEAVE;
	case BACKING_NUMA_PREFERRED:
		return MPOL_PREFERRED;
	}
	return MPOL_DEFAULT;
}

/* Are there all these nodes, and have they memory? The kernel would take nodes that it does not know without a word, as long as it knows one of them. */
static int nodes_check(const struct backing_config *c, const struct backing_why *why)
{
	uint64_t there[BACKING_NODES_MAX / 64];
	char list[256] = "";
	FILE *file = fopen(NODES_SYSFS, "re");
	bool good = file && fgets(list, sizeof(list), file) && nodes_parse(list, there);

	if (file)
		fclose(file);
	if (!good)
		return backing_refuse(why, BACKING_E_CONFIG,
				      "the kernel does not say which memory nodes there are (%s): "
				      "leave the NUMA policy at its default",
				      NODES_SYSFS);
	list[strcspn(list, "\n")] = '\0';
	for (unsigned i = 0; i < BACKING_NODES_MAX; i++) {
		if (c->nodes[i / 64] & ~there[i / 64] & UINT64_C(1) << i % 64)
			return backing_refuse(why, BACKING_E_CONFIG,
					      "the NUMA policy names node %u, which has no memory: "
					      "nodes with memory are %s (%s)",
					      i, list, NODES_SYSFS);
	}
	return 0;
}

int numa_apply(const struct backing *b, const struct backing_config *c,
	       const struct backing_why *why)
{
	void *p;
	int err;

	if (c->numa == BACKING_NUMA_DEFAULT)
		return 0;
	if (b->place != PLACE_MEMORY && b->place != PLACE_HUGE)
		return backing_refuse(why, BACKING_E_CONFIG,
				      "a NUMA policy is for memory, and %s is none: leave the "
				      "policy at its default, or take memfd, huge pages, or a file "
				      "of tmpfs or hugetlbfs",
				      c->path);
	err = nodes_check(c, why);
	if (err)
		return err;
	/* NORESERVE: a mapping of huge pages would claim all of them. */
	p = mmap(NULL, b->info.bytes, PROT_NONE, MAP_SHARED | MAP_NORESERVE, b->fd, 0);
	if (p == MAP_FAILED)
		return backing_refuse(why, BACKING_E_NO_MEMORY,
				      "no address space for a mapping of %" PRIu64
				      " bytes, which a NUMA policy needs: %s",
				      b->info.bytes, strerror(errno));
	/* The kernel counts one node less than it is told. */
	err = syscall(SYS_mbind, p, b->info.bytes, mode_of(c->numa), c->nodes,
		      (unsigned long)BACKING_NODES_MAX + 1, 0)
		      ? errno
		      : 0;
	munmap(p, b->info.bytes);
	if (!err)
		return 0;
	return backing_refuse(
		why, err == ENOMEM ? BACKING_E_NO_MEMORY : BACKING_E_CONFIG,
		"the kernel does not take the NUMA policy (mbind: %s): %s", strerror(err),
		err == EINVAL ? "the daemon may not use these nodes, see cpuset.mems of its cgroup"
			      : "leave it at its default");
}
