/*
 * memory - the memory behind the addresses
 *
 * Role:       the public calls attach, map, unmap, scavenge.
 * Uses:       call, fds, maps, error
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/lib/call.h"

/* Of Linux 5.14; libc may be older. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

#define MAP_FLAGS (PACLIENT_WRITE | PACLIENT_MAP_REGION | PACLIENT_MAP_POPULATE)

static int flags_check(struct call *k, unsigned flags, unsigned known)
{
	return flags & ~known ? error_argument(k->error, "flags",
					       "has bits that this version does not know")
			      : 0;
}

static bool power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

/* What mappings are computed from. */
static bool backing_sound(const struct paclient_backing *b)
{
	uint64_t end;

	return power_of_two(b->page_size_bytes) && power_of_two(b->backing_page_bytes) &&
	       b->bytes && !__builtin_add_overflow(b->base_addr, b->bytes - 1, &end);
}

/* The descriptor is that of the reply which is being read. */
static int take_attach(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__AttachReply *r = reply->attach;
	struct paclient_backing *to = k->to;
	struct fds *fds = &k->client->fds;

	if (fds->current == FDS_LOST) {
		error_set(k->error, PACLIENT_SYSTEM,
			  "the descriptor could not be received: too many are open in this "
			  "process (ulimit -n); attach again when some are closed");
		k->error->system_errno = EMFILE;
		return PACLIENT_SYSTEM;
	}
	*to = (struct paclient_backing){.size = sizeof(*to),
					.fd = fds->current,
					.kind = (int)r->backing,
					.write = r->write,
					.base_addr = r->base_addr,
					.bytes = r->bytes,
					.page_size_bytes = r->page_size_bytes,
					.backing_page_bytes = r->backing_page_bytes};
	if (!backing_sound(to))
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "an AttachReply with impossible lengths");
	if (to->write != k->request->attach->write)
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "an AttachReply with another access than was asked for");
	fds->current = FDS_NONE;
	return 0;
}

/* On 0 the descriptor is the caller's. */
static int attach(struct call *k, uint32_t region_id, bool write, struct paclient_backing *ret)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Attach ask = PALLOCD__V1__ATTACH__INIT;
	int status = call_needs(k, PACLIENT_FEATURE_BACKING, "attach");

	if (status)
		return status;
	ask.region_id = region_id;
	ask.write = write;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_ATTACH;
	request.attach = &ask;
	k->to = ret;
	return call_message(k, &request, PALLOCD__V1__REPLY__RESULT_ATTACH, take_attach);
}

int paclient_attach(paclient *client, uint32_t region_id, unsigned flags,
		    struct paclient_backing *ret_backing, struct paclient_call *call)
{
	struct paclient_backing b;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = flags_check(&k, flags, PACLIENT_WRITE);
	if (!status)
		status = call_result_check(&k, "ret_backing", ret_backing);
	if (!status && ret_backing->size < offsetof(struct paclient_backing, kind))
		status = error_argument(k.error, "ret_backing",
					"has no room for the descriptor: is its size set?");
	if (!status)
		status = attach(&k, region_id, flags & PACLIENT_WRITE, &b);
	if (!status)
		call_result_give(&b, ret_backing);
	return status;
}

static int take_nothing(struct call *k, const Pallocd__V1__Reply *reply)
{
	(void)k;
	(void)reply;
	return 0;
}

/* Where the connection was lost since, another daemon may have other memory behind the region: it refuses the id then. */
static int attached_check(struct call *k, struct attached *a)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__RegionInfo ask = PALLOCD__V1__REGION_INFO__INIT;
	uint64_t now = paclient_reconnects(k->client);
	int status;

	if (__atomic_load_n(&a->nreconnects, __ATOMIC_RELAXED) == now)
		return 0;
	ask.region_id = a->region_id;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_REGION_INFO;
	request.region_info = &ask;
	status = call_message(k, &request, PALLOCD__V1__REPLY__RESULT_REGION_INFO, take_nothing);
	if (!status)
		__atomic_store_n(&a->nreconnects, now, __ATOMIC_RELAXED);
	return status;
}

static int attached_get(struct call *k, uint32_t region_id, bool write, struct attached **ret)
{
	uint64_t nreconnects = paclient_reconnects(k->client);
	struct maps *maps = &k->client->maps;
	struct paclient_backing b;
	int status;

	*ret = maps_find(maps, region_id, write);
	if (*ret)
		return attached_check(k, *ret);
	status = attach(k, region_id, write, &b);
	if (status)
		return status;
	*ret = maps_add(maps, region_id, &b, nreconnects);
	return *ret ? 0 : call_no_memory(k);
}

/* A part of what has been attached. */
struct piece {
	uint64_t offset;
	size_t bytes;
};

static int range_wrong(struct call *k, int status, uint64_t addr, const char *what)
{
	error_set(k->error, status, "%#" PRIx64 ": %s", addr, what);
	strcpy(k->error->field, "addr");
	k->error->addr = addr;
	return status;
}

static int piece_get(struct call *k, const struct paclient_backing *b, uint64_t addr,
		     uint64_t npages, struct piece *ret)
{
	uint64_t bytes, offset = addr - b->base_addr;

	if (!npages)
		return error_argument(k->error, "npages", "is 0");
	if (addr < b->base_addr || offset >= b->bytes)
		return range_wrong(k, PACLIENT_OUT_OF_REGION, addr,
				   "the address does not lie in the region");
	if (offset % b->page_size_bytes)
		return range_wrong(k, PACLIENT_UNALIGNED, addr,
				   "the address is not the beginning of a page");
	if (__builtin_mul_overflow(npages, b->page_size_bytes, &bytes) || bytes > b->bytes - offset)
		return range_wrong(k, PACLIENT_OUT_OF_REGION, addr,
				   "the range ends beyond the region");
	if (offset % b->backing_page_bytes || bytes % b->backing_page_bytes || bytes > SIZE_MAX)
		return range_wrong(k, PACLIENT_UNALIGNED, addr,
				   "the range is not made of whole pages of the backing");
	*ret = (struct piece){offset, (size_t)bytes};
	return 0;
}

static int map_failed(struct call *k, int err)
{
	error_set(k->error, err == -ENOMEM ? PACLIENT_OUT_OF_MEMORY : PACLIENT_SYSTEM,
		  "cannot map the memory: %s", strerror(-err));
	k->error->system_errno = -err;
	return k->error->status;
}

/* On kernels without MADV_POPULATE what is there already is mapped once more, over itself: as far as there is memory. */
static int populate(struct call *k, const struct attached *a, void *memory, const struct piece *p)
{
	int prot = PROT_READ | (a->backing.write ? PROT_WRITE : 0);
	int advice = a->backing.write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
	int err;

	do
		err = madvise(memory, p->bytes, advice) ? errno : 0;
	while (err == EINTR || err == EAGAIN);
	if (err == EINVAL) {
		if (mmap(memory, p->bytes, prot, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
			 a->backing.fd, (off_t)p->offset) == MAP_FAILED)
			return map_failed(k, -errno);
		return 0;
	}
	if (!err)
		return 0;
	error_set(k->error, PACLIENT_NO_MEMORY, "there is no memory to put behind the pages: %s",
		  strerror(err));
	k->error->system_errno = err;
	return PACLIENT_NO_MEMORY;
}

static int piece_map(struct maps *maps, struct attached *a, const struct piece *p, bool region,
		     void **ret)
{
	int prot = PROT_READ | (a->backing.write ? PROT_WRITE : 0), err;
	void *memory;

	if (region) {
		err = maps_whole(maps, a, &memory);
		if (!err)
			*ret = (char *)memory + p->offset;
		return err;
	}
	memory = mmap(NULL, p->bytes, prot, MAP_SHARED, a->backing.fd, (off_t)p->offset);
	if (memory == MAP_FAILED)
		return -errno;
	*ret = memory;
	return 0;
}

static void piece_unmap(struct maps *maps, struct attached *a, void *memory, size_t bytes,
			bool region)
{
	if (region)
		(void)maps_whole_leave(maps, a, memory);
	else
		munmap(memory, bytes);
}

int paclient_map(paclient *client, uint32_t region_id, uint64_t addr, uint64_t npages,
		 unsigned flags, void **ret_memory, struct paclient_call *call)
{
	bool region = flags & PACLIENT_MAP_REGION;
	struct attached *a = NULL;
	struct piece piece = {0};
	void *memory = NULL;
	CALL(k);
	int status = call_begin(&k, client, call), err;

	if (!status)
		status = flags_check(&k, flags, MAP_FLAGS);
	if (!status && !ret_memory)
		status = error_argument(k.error, "ret_memory", "is NULL");
	if (!status)
		status = attached_get(&k, region_id, flags & PACLIENT_WRITE, &a);
	if (!status)
		status = piece_get(&k, &a->backing, addr, npages, &piece);
	if (status)
		return status;
	err = piece_map(&client->maps, a, &piece, region, &memory);
	if (err)
		return map_failed(&k, err);
	if (flags & PACLIENT_MAP_POPULATE)
		status = populate(&k, a, memory, &piece);
	if (status)
		piece_unmap(&client->maps, a, memory, piece.bytes, region);
	else
		*ret_memory = memory;
	return status;
}

int paclient_unmap(paclient *client, uint32_t region_id, void *memory, uint64_t npages,
		   struct paclient_call *call)
{
	struct attached *read, *write, *any;
	uint64_t bytes;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (status)
		return status;
	read = maps_find(&client->maps, region_id, false);
	write = maps_find(&client->maps, region_id, true);
	any = read ? read : write;
	if (!any)
		return error_argument(k.error, "region_id",
				      "is of a region of which this handle has mapped nothing");
	if (!memory || (uintptr_t)memory % (uintptr_t)sysconf(_SC_PAGESIZE))
		return error_argument(k.error, "memory", "is nothing that paclient_map() gives");
	if (!npages || __builtin_mul_overflow(npages, any->backing.page_size_bytes, &bytes) ||
	    bytes > any->backing.bytes)
		return error_argument(k.error, "npages", "is 0, or more than the region has");
	if ((read && maps_whole_leave(&client->maps, read, memory)) ||
	    (write && maps_whole_leave(&client->maps, write, memory)))
		return 0;
	return munmap(memory, (size_t)bytes) ? map_failed(&k, -errno) : 0;
}

static int take_scavenge(struct call *k, const Pallocd__V1__Reply *reply)
{
	*(uint64_t *)k->to = reply->scavenge->released_npages;
	return 0;
}

int paclient_scavenge(paclient *client, uint32_t region_id, uint64_t bytes, unsigned flags,
		      uint64_t *ret_npages, struct paclient_call *call)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Scavenge ask = PALLOCD__V1__SCAVENGE__INIT;
	uint64_t npages = 0;
	CALL(k);
	int status = call_begin(&k, client, call);

	if (!status)
		status = flags_check(&k, flags, PACLIENT_SCAVENGE_WAIT);
	if (!status)
		status = call_needs(&k, PACLIENT_FEATURE_BACKING, "scavenge");
	if (status)
		return status;
	ask.region_id = region_id;
	ask.bytes = bytes;
	ask.wait = flags & PACLIENT_SCAVENGE_WAIT;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_SCAVENGE;
	request.scavenge = &ask;
	k.to = &npages;
	status = call_message(&k, &request, PALLOCD__V1__REPLY__RESULT_SCAVENGE, take_scavenge);
	if (!status && ret_npages)
		*ret_npages = npages;
	return status;
}
