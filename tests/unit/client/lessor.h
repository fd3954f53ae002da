/*
 * lessor - a scripted daemon that leases blocks of one region
 *
 * Role:       knows of each page whether it is out, and aborts a test whose client frees or gets one twice; does once what it is told.
 * Uses:       fake.h
 */
#ifndef TESTS_CLIENT_LESSOR_H
#define TESTS_CLIENT_LESSOR_H

#include "tests/unit/client/fake.h"

#define LESSOR_REGION 3u
#define LESSOR_BASE UINT64_C(0x100000)
#define LESSOR_PAGE UINT64_C(4096)
#define LESSOR_NPAGES_MAX 65536u

/* Of a page. */
enum { LESSOR_FREE, LESSOR_OUT, LESSOR_OTHERS };

struct lessor {
	struct fake fake;
	pthread_mutex_t lock; /* of what follows */
	uint64_t npages;      /* that the region has */
	uint8_t page[LESSOR_NPAGES_MAX];
	uint64_t nout;
	uint64_t quota; /* pages that may be out; 0 = any */
	int durability;
	bool repeats; /* sessions outlive their connections, and requests are done once */
	bool ended;   /* the session is not known any more */

	/* Once: the next Alloc or Free is refused so, or its reply never comes. */
	int refuse_alloc, refuse_free;
	bool hold;   /* replies to Allocs wait until this is false */
	bool vanish; /* the connection is lost when it is done */

	int fd; /* of the connection; -1 = none */
	unsigned nleases, nallocs, nfrees, nranges, ninfos;
	uint32_t nblocks; /* that the last lease asked for */
	unsigned nhellos;
	bool recalls; /* as the last Hello said */
	uint64_t last_id;
	size_t last_bytes;
	uint8_t last[PALLOCD_FRAME_BYTES_MAX + 4];
};

/** lessor_start() - with a region of so many pages, all free. Given back with lessor_stop(). */
struct lessor *lessor_start(uint64_t npages);

/** lessor_stop() - every page has come back, or the test fails; but for @nout. */
void lessor_stop(struct lessor *l, uint64_t nout);

/** lessor_recall() - tell the client that others want space. */
void lessor_recall(struct lessor *l);

/** lessor_others() - pages [@page, @page + @npages) are others', or free again. */
void lessor_others(struct lessor *l, uint64_t page, uint64_t npages, bool theirs);

/** lessor_nout() - pages that are out. */
uint64_t lessor_nout(struct lessor *l);

/** lessor_await() - wait until so many are out; the test fails where that does not come to be. */
void lessor_await(struct lessor *l, uint64_t nout);

/** lessor_cut() - the connection is lost. */
void lessor_cut(struct lessor *l);

#endif
