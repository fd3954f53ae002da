/*
 * memory.h - the memory behind the addresses: the part of paclient.h about attaching and mapping
 *
 * <paclient.h> includes it; programs include that.
 *
 * A region may have a backing: memory, huge pages, a file or a device. The page at address a lies at
 * offset a - base_addr of it. Whoever may attach a region gets the descriptor of all of it: what others
 * hold there can be read, and with PACLIENT_WRITE overwritten. Extents are a matter of cooperation, not
 * of isolation.
 */
#ifndef PACLIENT_MEMORY_H
#define PACLIENT_MEMORY_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What stands behind a region's addresses. */
enum paclient_backing_kind {
	PACLIENT_BACKING_NONE = 0,    /* nothing: addresses only */
	PACLIENT_BACKING_MEMFD = 1,   /* memory, in pages of the system */
	PACLIENT_BACKING_HUGETLB = 2, /* memory, in huge pages */
	PACLIENT_BACKING_FILE = 3     /* a file, or a device */
};

/** paclient_backing_name() - "memfd"; "unknown" for a newer daemon's. Static string. */
PACLIENT_API const char *paclient_backing_name(int kind);

/* Why the scavenger gives no memory back, or that it does. */
enum paclient_scavenger {
	PACLIENT_SCAVENGER_OFF = 0, /* there is nothing, or nothing that could be given back */
	PACLIENT_SCAVENGER_WORKING = 1,
	PACLIENT_SCAVENGER_DONE = 2,      /* no free page has memory behind it */
	PACLIENT_SCAVENGER_RETAINING = 3, /* what is left is kept for those who come */
	PACLIENT_SCAVENGER_DELAYED = 4,   /* what is left was in use a short time ago */
	PACLIENT_SCAVENGER_RESTING = 5,   /* it has used its share of the processor */
	PACLIENT_SCAVENGER_FAILED = 6     /* the system has refused; it tries again later */
};

/** paclient_scavenger_name() - "retaining"; "unknown" for a newer daemon's. Static string. */
PACLIENT_API const char *paclient_scavenger_name(int state);

/* Flags of attach and map. Without PACLIENT_WRITE memory can only be read. */
#define PACLIENT_WRITE 1u
/* Of map alone: the region is mapped once, as a whole, and the extent lies in there. */
#define PACLIENT_MAP_REGION 2u
/* Of map alone: the memory is there, and in this process' page tables, when the call returns. */
#define PACLIENT_MAP_POPULATE 4u

/* What an attach brings. */
struct paclient_backing {
	size_t size; /* bytes of this struct that are valid */
	int fd;      /* close-on-exec; belongs to the caller, who closes it */
	int kind;    /* enum paclient_backing_kind */
	bool write;  /* it may be mapped for writing */
	uint64_t base_addr;
	uint64_t bytes; /* how long what the descriptor stands for is */
	uint64_t page_size_bytes;
	uint64_t backing_page_bytes; /* offsets and lengths of mappings are multiples of it */
};

/**
 * paclient_attach() - a descriptor of the memory behind a region, and what it is
 * @flags:       0 or PACLIENT_WRITE
 * @ret_backing: the caller's; its size field says how much of it is written, the descriptor at least
 *
 * For programs that hand it on or map by themselves; others use paclient_map(). It lives on when the
 * handle is closed. One without PACLIENT_WRITE cannot be mapped for writing, nor be opened again for
 * it by a user other than root and the daemon's.
 * Blocks. At most 64 attaches of a handle are in flight at once: LIMIT.
 * Errors of its own: NO_REGION, DENIED (error.field: the right), INVALID (nothing stands behind the
 * region, or it cannot be written), FAULTED; SYSTEM with EMFILE where this process has no room for the
 * descriptor: then all attaches fail that are in flight on the handle. UNKNOWN_VERB for older daemons.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_attach(paclient *client, uint32_t region_id,
						     unsigned flags,
						     struct paclient_backing *ret_backing,
						     struct paclient_call *call);

/**
 * paclient_map() - the memory of pages, as a pointer
 * @addr:       of the first page
 * @npages:     how many, from 1
 * @flags:      0 to read, PACLIENT_WRITE to read and write; PACLIENT_MAP_REGION, PACLIENT_MAP_POPULATE
 * @ret_memory: @npages pages from here on
 *
 * The first call for a region, and for reading or writing it, attaches it, and blocks; the handle
 * keeps the descriptor, and later calls ask the daemon nothing. The pages are mapped by themselves; or
 * with PACLIENT_MAP_REGION the whole region is, once for reading and once for writing, so that what
 * lies side by side there does so here, too, for as long as any such call is not yet undone.
 * Whether somebody holds the pages is not looked at. What is touched without memory behind it gets
 * some; where there is none left the program gets SIGBUS: PACLIENT_COMMIT_NOW, or
 * PACLIENT_MAP_POPULATE, which gives NO_MEMORY instead.
 * A mapping lives until paclient_unmap(), beyond paclient_close(), too, so that a program whose daemon
 * has gone may resume its session without moving its pointers. It is inherited by fork(2).
 * Errors of its own: as paclient_attach(); UNALIGNED (error.addr), OUT_OF_REGION, OUT_OF_MEMORY (no
 * address space), NO_MEMORY, SYSTEM.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_map(paclient *client, uint32_t region_id,
						  uint64_t addr, uint64_t npages, unsigned flags,
						  void **ret_memory, struct paclient_call *call);

/**
 * paclient_unmap() - undo one paclient_map()
 * @memory: what it gave
 * @npages: as many as it was asked for
 *
 * Does not block. After paclient_close() munmap(2) does the same for pages that were mapped by
 * themselves.
 * Errors: BAD_ARGUMENT where the handle has mapped nothing of that region, or @memory cannot be what it
 * gave.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_unmap(paclient *client, uint32_t region_id,
						    void *memory, uint64_t npages,
						    struct paclient_call *call);

/* Flag of a scavenge: the reply comes when it is done, not when it has begun. */
#define PACLIENT_SCAVENGE_WAIT 1u

/**
 * paclient_scavenge() - give memory behind free pages back to the system now
 * @bytes:      about so much; 0 = all, whatever is otherwise kept for those who come
 * @flags:      0 or PACLIENT_SCAVENGE_WAIT
 * @ret_npages: pages whose memory went back for this call; 0 without waiting; may be NULL
 *
 * Blocks; a large region may take longer than the usual deadline. After TIMED_OUT the daemon goes on.
 * Errors of its own: NO_REGION, DENIED, INVALID (nothing stands behind the region, or nothing that can
 * be given back), FAULTED. UNKNOWN_VERB for older daemons.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_scavenge(paclient *client, uint32_t region_id,
						       uint64_t bytes, unsigned flags,
						       uint64_t *ret_npages,
						       struct paclient_call *call);

#ifdef __cplusplus
}
#endif

#endif
