/*
 * stat.h - the part of paclient.h about how things stand: counters, runs of free pages, which pages are in use
 *
 * <paclient.h> includes it; programs include that.
 */
#ifndef PACLIENT_STAT_H
#define PACLIENT_STAT_H

#ifndef PACLIENT_H
#error "include <paclient.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Counters of the daemon; those that end in _total count since its start. */
struct paclient_daemon_stat {
	size_t size; /* sizeof(struct paclient_daemon_stat) */
	uint64_t uptime_usec;
	uint64_t nconnections;
	uint64_t nsessions;
	uint64_t nregions;
	uint64_t connections_total;
	uint64_t requests_total;
	uint64_t refusals_total;   /* requests answered with a status other than OK */
	uint64_t bad_frames_total; /* connections closed for a malformed frame */
	uint64_t received_bytes_total;
	uint64_t sent_bytes_total;
	uint64_t batches_total; /* reads that brought at least one request */
	uint64_t ngrace;        /* sessions without a connection that can be resumed */
	uint64_t nending;       /* sessions that have ended and still hold something */
	uint64_t nwatchers;
	uint64_t nwaiting;      /* allocs that wait for space */
	uint64_t queued_bytes;  /* requests not served and replies not written, of all */
	uint64_t refused_total; /* connections refused */
	uint64_t cut_off_total; /* connections closed for being slow or queueing too much */
	uint64_t deaths_total;  /* sessions whose process died with the connection still open */
	uint64_t quota_refusals_total;
	uint64_t events_lost_total; /* that slow watchers did not get */
	uint64_t repeated_total;    /* requests asked for again after a restart and done already */
	uint64_t process_commits_total;  /* writes for PACLIENT_DURABILITY_PROCESS, since start */
	uint64_t process_failures_total; /* of these, that failed and were tried again */
	uint64_t process_bytes;          /* that this store takes */
	uint64_t machine_commits_total;  /* the same for PACLIENT_DURABILITY_MACHINE */
	uint64_t machine_failures_total;
	uint64_t machine_bytes;
	/* Why changes cannot be written down now (PACLIENT_STORE_FAILED); "" = they can. */
	char store_failure[128];
	uint32_t pid;                /* of the daemon */
	uint64_t connections_max;    /* so many can be open at once */
	uint64_t connections_wanted; /* that it is configured for; 0 = as many as can be */
	uint64_t descriptors_max;    /* its limits: of descriptors, */
	uint64_t locked_bytes_max;   /* and of memory that it may lock */
	uint64_t nleft_out;          /* regions that are configured, but cannot be had there */
	uint64_t kept_back_total;    /* lines of its log that were too many of their cause */
	uint64_t cpu_usec_total;     /* processor time that it has used */
};

/* Counters of a region; those that end in _total count since the daemon's start. */
struct paclient_region_stat {
	size_t size; /* sizeof(struct paclient_region_stat) */
	uint32_t id;
	char name[PACLIENT_NAME_BYTES];
	uint64_t page_size_bytes;
	uint64_t limit_npages;
	uint64_t grown_npages;
	uint64_t free_npages;
	uint64_t scavenged_npages; /* free pages without memory behind them */
	uint64_t largest_npages;   /* longest run of free pages */
	uint64_t nextents;
	uint64_t session_npages;  /* held by sessions */
	uint64_t detached_npages; /* held by users */
	uint64_t peak_npages;     /* most pages held at once */
	uint64_t metadata_bytes;  /* the allocator's own memory */
	uint64_t allocs_total;    /* extents handed out */
	uint64_t frees_total;     /* ranges given back by request */
	uint64_t reclaims_total;  /* extents given back because their session ended */
	uint64_t grows_total;
	uint64_t no_space_total; /* allocs refused for want of space */
	uint64_t held_npages;    /* that nobody holds and nobody may get: reserved, or drained */
	/* Millionths of the free pages that lie outside of the longest run; 0 where none is free. */
	uint64_t fragmentation_ppm;
	uint64_t shrinks_total;
	uint64_t nshares; /* holders of extents besides the first one */
	uint64_t nnamed;  /* extents with a name */
	uint64_t quarantined_npages;
	uint64_t nwaiting; /* allocs that wait for space here */
	uint64_t quota_refusals_total;
	uint64_t resident_bytes; /* memory, or blocks of the file, behind the region */
	/* Neither free nor anybody's: their memory is being put in place, cleared or given back. */
	uint64_t busy_npages;
	uint64_t released_npages_total; /* whose memory was given back to the system */
	uint64_t cleared_npages_total;
	/* Requests refused because there was no memory to put behind their pages. */
	uint64_t no_memory_total;
	uint64_t retained_npages; /* free pages whose memory is kept, as the region's rules say */
	int scavenger;            /* enum paclient_scavenger */
	int durability;           /* enum paclient_durability */
	uint64_t generation;      /* as in struct paclient_region */
	/* Why changes here cannot be written down now and are refused; "" = they can. */
	char store_failure[128];
};

/**
 * paclient_stat_daemon() - counters of the daemon
 * @ret_stat: the caller's; its size field says how much of it is written
 *
 * Blocks. No errors of its own.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_stat_daemon(paclient *client,
							  struct paclient_daemon_stat *ret_stat,
							  struct paclient_call *call);

/**
 * paclient_stat_region() - counters of a region
 * @ret_stat: the caller's; its size field says how much of it is written
 *
 * Blocks. Errors of its own: NO_REGION.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_stat_region(paclient *client, uint32_t region_id,
							  struct paclient_region_stat *ret_stat,
							  struct paclient_call *call);

/* Lengths that a histogram tells apart: a region has less than 2^37 pages. */
#define PACLIENT_RUN_CLASSES 37

/* How many runs of free pages there are, by length. */
struct paclient_free_runs {
	size_t size; /* sizeof(struct paclient_free_runs) */
	uint64_t free_npages;
	uint64_t largest_npages;    /* longest run */
	uint64_t fragmentation_ppm; /* as in struct paclient_region_stat */
	/* Entry k: runs of 2^k up to 2^(k + 1) - 1 pages, and the pages in all of them. */
	uint64_t nruns[PACLIENT_RUN_CLASSES];
	uint64_t npages[PACLIENT_RUN_CLASSES];
};

/**
 * paclient_free_runs() - count the runs of free pages by length
 * @ret_runs: the caller's; its size field says how much of it is written
 *
 * Blocks. In a large region others go on while it is counted: the sums may then not agree.
 * Errors of its own: NO_REGION, FAULTED.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_free_runs(paclient *client, uint32_t region_id,
							struct paclient_free_runs *ret_runs,
							struct paclient_call *call);

/* One cell of a usage map. */
struct paclient_cell {
	uint64_t used_npages;  /* grown pages that are not free: held, reserved or drained */
	uint64_t grown_npages; /* pages that there are */
};

/* Which pages of a region are in use, summed up in cells. The array belongs to the map. */
struct paclient_usage {
	uint64_t addr;        /* of the first cell */
	uint64_t cell_npages; /* pages that a cell stands for; the last one may stand for fewer */
	uint64_t npages;      /* pages that all cells stand for */
	size_t ncells;
	struct paclient_cell *cells;
};

/**
 * paclient_usage_map() - a map of which pages are in use
 * @addr:      from here; 0 = the region's base
 * @npages:    so many; 0 = up to the end of what is grown
 * @ncells:    at most so many cells, up to 4096; 0 = 1024
 * @ret_usage: the caller gives it back with paclient_usage_free()
 *
 * Blocks. Errors of its own: NO_REGION, OUT_OF_REGION, UNALIGNED, LIMIT for too many cells.
 */
PACLIENT_API PACLIENT_MUST_CHECK int paclient_usage_map(paclient *client, uint32_t region_id,
							uint64_t addr, uint64_t npages,
							uint32_t ncells,
							struct paclient_usage **ret_usage,
							struct paclient_call *call);

/**
 * paclient_usage_scavenged() - of each cell, the free pages that have no memory behind them
 *
 * Return: usage.ncells numbers that belong to the map; NULL: the daemon is too old to say, or NULL was given. Does not block.
 */
PACLIENT_API const uint64_t *paclient_usage_scavenged(const struct paclient_usage *usage);

/** paclient_usage_free() - give back a map; NULL is allowed. */
PACLIENT_API void paclient_usage_free(struct paclient_usage *usage);

#ifdef __cplusplus
}
#endif

#endif
