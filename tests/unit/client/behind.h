/*
 * behind - a daemon with memory behind its regions
 *
 * Role:       answers Attach with descriptors that a test can tell apart, and sends them as the test wants.
 * Uses:       fake.h
 */
#ifndef TESTS_CLIENT_BEHIND_H
#define TESTS_CLIENT_BEHIND_H

#include "tests/unit/client/fake.h"

/* Regions 1 to 3 have memory of their own; 4 has none; 5 may only be read. */
#define BEHIND_NREGIONS 3
#define BEHIND_BASE UINT64_C(0x10000)
#define BEHIND_PAGE 4096u
#define BEHIND_NPAGES 64u

struct behind {
	int fd[BEHIND_NREGIONS + 1];   /* by region id */
	int read[BEHIND_NREGIONS + 1]; /* the same for readers */
	uint64_t bytes;                /* that it says each has */
	unsigned nattaches;            /* answered with OK */
	uint64_t scavenged_bytes;      /* of the last Scavenge */
	bool waited;
};

/** behind_init() - memory that begins with its region's number, page by page. */
void behind_init(struct behind *b);
void behind_deinit(struct behind *b);

/** behind_send() - bytes with descriptors; false where the other side has gone. */
bool behind_send(int sock, const void *bytes, size_t n, const int *fds, unsigned nfds);

/** behind_answer() - as fake_answer(), and the verbs about memory. @ret_fd: goes with it; -1: none. */
size_t behind_answer(struct fake *f, struct behind *b, const Pallocd__V1__Request *q, uint8_t *to,
		     int *ret_fd);

/** behind_serve() - a script, with the struct behind in f->arg: well-behaved until the client goes. */
fake_script behind_serve;

/** behind_number() - the region whose memory @fd is, by its page @page; 0 where it cannot be read. */
uint32_t behind_number(int fd, unsigned page);

/** nopen() - descriptors that are open in this process. */
unsigned nopen(void);

/** fill_gaps() - no number below the highest one in use is free from now on; @fd is what fills them. */
void fill_gaps(int fd);

/** room_for() - so many more can be opened, after fill_gaps(); UINT32_MAX: as many as ever. */
void room_for(unsigned n);

#endif
