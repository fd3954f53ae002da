/*
 * fake - a daemon that does what a test's script says
 *
 * Role:       see fake.h.
 * Uses:       proto/, check
 */
#include "tests/unit/client/fake.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAGE_SIZE 4096u

static void *fake_main(void *arg)
{
	struct fake *f = arg;
	int fd;

	while ((fd = accept(f->listener, NULL, NULL)) >= 0) {
		f->script(f, fd);
		close(fd);
		f->nconnections++;
	}
	return NULL;
}

void fake_start(struct fake *f, fake_script *script, void *arg)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	sigset_t all, old;

	*f = (struct fake){.script = script, .arg = arg, .next_addr = 0x10000};
	strcpy(f->dir, "/tmp/paclient-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
	strcpy(a.sun_path, f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(f->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(f->listener, 64), 0);
	/* Signals that a test sends are for its own thread; a client that has gone is no SIGPIPE. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ck_assert_int_eq(pthread_create(&f->thread, NULL, fake_main, f), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void fake_stop(struct fake *f)
{
	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->listener);
	unlink(f->path);
	rmdir(f->dir);
}

paclient *fake_open(struct fake *f, int timeout_ms)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	struct paclient_call call = PACLIENT_CALL_INIT;
	paclient *c = NULL;

	o.timeout_ms = timeout_ms;
	o.client_name = "test";
	/* However impatient the handle is going to be. */
	call.timeout_ms = 20000;
	ck_assert_msg(paclient_open(f->path, &o, &c, &call) == 0, "open: %s", call.error.message);
	return c;
}

static bool read_all(int fd, void *to, size_t n)
{
	char *p = to;

	while (n) {
		ssize_t got = recv(fd, p, n, 0);

		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
	}
	return true;
}

Pallocd__V1__Request *fake_read(int fd)
{
	static _Thread_local uint8_t msg[PALLOCD_FRAME_BYTES_MAX];
	uint8_t head[4];
	size_t n;
	Pallocd__V1__Request *request;

	if (!read_all(fd, head, sizeof(head)))
		return NULL;
	n = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	ck_assert_uint_le(n, sizeof(msg));
	if (!read_all(fd, msg, n))
		return NULL;
	request = pallocd__v1__request__unpack(NULL, n, msg);
	ck_assert_ptr_nonnull(request);
	return request;
}

bool fake_write(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL);

		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

size_t fake_frame(const Pallocd__V1__Reply *reply, uint8_t *to)
{
	size_t n = pallocd__v1__reply__pack(reply, to + 4);

	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(n >> 8 * i);
	return n + 4;
}

bool fake_send(int fd, const Pallocd__V1__Reply *reply)
{
	static _Thread_local uint8_t frame[PALLOCD_FRAME_BYTES_MAX + 4];

	return fake_write(fd, frame, fake_frame(reply, frame));
}

bool fake_hello(int fd)
{
	Pallocd__V1__Request *request = fake_read(fd);
	uint8_t frame[256];
	size_t n;

	if (!request)
		return false;
	ck_assert_int_eq(request->verb_case, PALLOCD__V1__REQUEST__VERB_HELLO);
	n = fake_answer(NULL, request, frame);
	pallocd__v1__request__free_unpacked(request, NULL);
	return fake_write(fd, frame, n);
}

/* A minute's grace at the most; features 1 to 15, and 64, which is too new for anybody. */
static size_t answer_hello(const struct fake *f, Pallocd__V1__Reply *reply,
			   const Pallocd__V1__Hello *q, uint8_t *to)
{
	Pallocd__V1__HelloReply h = PALLOCD__V1__HELLO_REPLY__INIT;
	Pallocd__V1__Feature features[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 64};

	if (!f || !f->old) {
		h.features = features;
		h.n_features = 16;
		h.token = (ProtobufCBinaryData){16, (uint8_t *)"the fake's token"};
		h.grace_msec = q->grace_msec < 60000 ? q->grace_msec : 60000;
		h.resumed = q->token.len != 0;
	}

	h.version = PALLOCD_PROTOCOL_VERSION;
	h.session = 7;
	h.server = (char *)"fake 1";
	h.frame_bytes_max = PALLOCD_FRAME_BYTES_MAX;
	h.batch_extents_max = PALLOCD_BATCH_EXTENTS_MAX;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_HELLO;
	reply->hello = &h;
	return fake_frame(reply, to);
}

/* Rights 7 and 99 are newer than the library: one has a bit, the other none. */
static void region_fill(Pallocd__V1__Region *r, uint32_t id, char *name)
{
	static Pallocd__V1__Right rights[4] = {PALLOCD__V1__RIGHT__RIGHT_ALLOC,
					       PALLOCD__V1__RIGHT__RIGHT_ADMIN, 7, 99};

	pallocd__v1__region__init(r);
	r->id = id;
	sprintf(name, "r%u", id);
	r->name = name;
	r->base_addr = 0x10000;
	r->page_size_bytes = PAGE_SIZE;
	r->limit_npages = 1 << 20;
	r->grown_npages = 1024;
	r->free_npages = 512;
	r->best_fit = true;
	r->held_npages = 9;
	r->death = (Pallocd__V1__DeathPolicy)(id % 4);
	r->quarantine_msec = 1500;
	r->low_npages = 13;
	r->backing = PALLOCD__V1__BACKING__BACKING_HUGETLB;
	r->backing_page_bytes = 2 << 20;
	r->commit = PALLOCD__V1__COMMIT__COMMIT_NOW;
	r->sanitize = true;
	r->releases = true;
	r->durability = PALLOCD__V1__DURABILITY__DURABILITY_MACHINE;
	r->generation = 3;
	r->rights = rights;
	r->n_rights = 4;
}

/* Regions 1 to 5, two a reply: the cursor must work. */
static size_t answer_list(Pallocd__V1__Reply *reply, uint32_t after, uint8_t *to)
{
	Pallocd__V1__ListRegionsReply l = PALLOCD__V1__LIST_REGIONS_REPLY__INIT;
	Pallocd__V1__Region regions[2], *pointers[2] = {&regions[0], &regions[1]};
	char names[2][16];

	for (uint32_t id = after + 1; id <= 5 && l.n_regions < 2; id++) {
		region_fill(&regions[l.n_regions], id, names[l.n_regions]);
		l.n_regions++;
		l.more = id < 5;
	}
	l.regions = pointers;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_LIST_REGIONS;
	reply->list_regions = &l;
	return fake_frame(reply, to);
}

static size_t answer_info(Pallocd__V1__Reply *reply, const Pallocd__V1__RegionInfo *q, uint8_t *to)
{
	Pallocd__V1__RegionInfoReply i = PALLOCD__V1__REGION_INFO_REPLY__INIT;
	uint64_t addr[2] = {0x10000, 0x900000}, npages[2] = {512, 512};
	uint64_t held[3] = {0x11000, 0x13000, 0x15000}, nheld[3] = {1, 2, 3};
	Pallocd__V1__Region r;
	char name[16];

	if (q->region[0] && strcmp(q->region, "r3") != 0) {
		reply->status = PALLOCD__V1__STATUS__NO_REGION;
		reply->message = (char *)"no region of that name";
		return fake_frame(reply, to);
	}
	region_fill(&r, q->region_id ? q->region_id : 3, name);
	i.region = &r;
	i.range_addr = addr;
	i.range_npages = npages;
	i.n_range_addr = i.n_range_npages = i.nranges = 2;
	i.reserved_addr = i.drained_addr = held;
	i.reserved_npages = i.drained_npages = nheld;
	i.n_reserved_addr = i.n_reserved_npages = 3;
	i.n_drained_addr = i.n_drained_npages = 1;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_REGION_INFO;
	reply->region_info = &i;
	return fake_frame(reply, to);
}

static void placement_note(struct fake *f, const Pallocd__V1__Placement *p)
{
	f->placed = p;
	if (p)
		f->placement = *p;
}

/* As many extents as are allowed, the last one with what is left; a page between any two of them. */
static void scatter(struct fake *f, const Pallocd__V1__Alloc *q, Pallocd__V1__AllocReply *a)
{
	static _Thread_local uint64_t npages[PALLOCD_BATCH_EXTENTS_MAX];
	size_t n = q->scatter_extents < q->npages[0] ? q->scatter_extents : q->npages[0];

	for (size_t i = 0; i < n; i++) {
		npages[i] = i + 1 < n ? 1 : q->npages[0] - i;
		a->addr[i] = a->addr[0] + 2 * i * PAGE_SIZE;
	}
	f->next_addr += n * PAGE_SIZE;
	a->npages = npages;
	a->n_npages = a->n_addr = n;
}

/* More than 1000 pages is no space, so that refusals can be had. */
static size_t answer_alloc(struct fake *f, Pallocd__V1__Reply *reply, const Pallocd__V1__Alloc *q,
			   uint8_t *to)
{
	Pallocd__V1__AllocReply a = PALLOCD__V1__ALLOC_REPLY__INIT;
	Pallocd__V1__Refusal refusal = PALLOCD__V1__REFUSAL__INIT;
	static _Thread_local uint64_t addr[PALLOCD_BATCH_EXTENTS_MAX];

	placement_note(f, q->placement);
	for (size_t i = 0; i < q->n_npages; i++) {
		if (q->npages[i] > 1000) {
			refusal.index = (uint32_t)i;
			refusal.asked = q->npages[i];
			refusal.free_npages = 512;
			refusal.largest_npages = 100;
			refusal.growable_npages = 7;
			refusal.placed_npages = q->placement ? 50 : 0;
			refusal.aligned_npages = q->placement ? 60 : 0;
			refusal.bounded_npages = q->placement ? 70 : 0;
			refusal.field = (char *)"npages";
			refusal.quota_npages = 80;
			reply->status = PALLOCD__V1__STATUS__NO_SPACE;
			reply->refusal = &refusal;
			return fake_frame(reply, to);
		}
		addr[i] = f->next_addr;
		f->next_addr += q->npages[i] * PAGE_SIZE;
	}
	a.addr = addr;
	a.n_addr = q->n_npages;
	a.scavenged_npages = 3;
	a.cleared_npages = q->zero ? 2 : 0;
	if (q->scatter_extents)
		scatter(f, q, &a);
	f->nallocs += a.n_addr;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_ALLOC;
	reply->alloc = &a;
	return fake_frame(reply, to);
}

static size_t answer_free(struct fake *f, Pallocd__V1__Reply *reply, const Pallocd__V1__Free *q,
			  uint8_t *to)
{
	Pallocd__V1__FreeReply r = PALLOCD__V1__FREE_REPLY__INIT;

	for (size_t i = 0; i < q->n_addr; i++) {
		r.npages += q->npages[i];
		f->frees[f->nfrees++ % 64] = q->addr[i];
	}
	f->freed_npages += r.npages;
	r.shared_npages = 1;
	f->nallocs -= q->n_addr;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_FREE;
	reply->free = &r;
	return fake_frame(reply, to);
}

static size_t answer_stat(Pallocd__V1__Reply *reply, const Pallocd__V1__Stat *q, uint8_t *to)
{
	Pallocd__V1__StatReply s = PALLOCD__V1__STAT_REPLY__INIT;
	Pallocd__V1__DaemonStat d = PALLOCD__V1__DAEMON_STAT__INIT;
	Pallocd__V1__RegionStat r = PALLOCD__V1__REGION_STAT__INIT;

	d.uptime_usec = 1;
	d.batches_total = 11;
	d.ngrace = 12;
	d.nending = 13;
	d.nwatchers = 14;
	d.nwaiting = 15;
	d.queued_bytes = 16;
	d.refused_total = 17;
	d.cut_off_total = 18;
	d.deaths_total = 19;
	d.quota_refusals_total = 20;
	d.events_lost_total = 21;
	d.repeated_total = 22;
	d.process_commits_total = 23;
	d.process_failures_total = 24;
	d.process_bytes = 25;
	d.machine_commits_total = 26;
	d.machine_failures_total = 27;
	d.machine_bytes = 28;
	d.store_failure = (char *)"no space left";
	d.pid = 30;
	d.connections_max = 31;
	d.connections_wanted = 32;
	d.descriptors_max = 33;
	d.locked_bytes_max = 34;
	d.nleft_out = 35;
	d.kept_back_total = 36;
	d.cpu_usec_total = 37;
	r.id = q->region_id;
	r.name = (char *)"r3";
	r.page_size_bytes = PAGE_SIZE;
	r.no_space_total = 18;
	r.held_npages = 19;
	r.fragmentation_ppm = 20;
	r.shrinks_total = 21;
	r.nshares = 22;
	r.nnamed = 23;
	r.quarantined_npages = 24;
	r.nwaiting = 25;
	r.quota_refusals_total = 26;
	r.resident_bytes = 27;
	r.busy_npages = 28;
	r.released_npages_total = 29;
	r.cleared_npages_total = 30;
	r.no_memory_total = 31;
	r.scavenger = PALLOCD__V1__SCAVENGER_STATE__SCAVENGER_RESTING;
	r.retained_npages = 33;
	r.durability = PALLOCD__V1__DURABILITY__DURABILITY_MACHINE;
	r.generation = 35;
	r.store_failure = (char *)"read-only";
	s.daemon = &d;
	s.region = q->region_id ? &r : NULL;
	fake_users(q, &s);
	reply->result_case = PALLOCD__V1__REPLY__RESULT_STAT;
	reply->stat = &s;
	return fake_frame(reply, to);
}

static size_t answer_map(Pallocd__V1__Reply *reply, const Pallocd__V1__Map *q, uint8_t *to)
{
	Pallocd__V1__MapReply m = PALLOCD__V1__MAP_REPLY__INIT;
	static _Thread_local uint64_t cells[PALLOCD_MAP_CELLS_MAX];
	size_t n = q->ncells ? q->ncells : 1024;

	for (size_t i = 0; i < n; i++)
		cells[i] = 5;
	m.addr = q->addr;
	m.cell_npages = 5;
	m.npages = 5 * n;
	m.used_npages = m.grown_npages = cells;
	m.n_used_npages = m.n_grown_npages = n;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_MAP;
	reply->map = &m;
	return fake_frame(reply, to);
}

static size_t answer_grow(Pallocd__V1__Reply *reply, const Pallocd__V1__Grow *q, uint8_t *to)
{
	Pallocd__V1__GrowReply g = PALLOCD__V1__GROW_REPLY__INIT;

	g.addr = q->addr ? q->addr : 0x900000;
	g.npages = (q->npages + 511) / 512 * 512;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_GROW;
	reply->grow = &g;
	return fake_frame(reply, to);
}

/* As for an Alloc, more than 1000 pages do not fit. */
static size_t answer_why(struct fake *f, Pallocd__V1__Reply *reply, const Pallocd__V1__Why *q,
			 uint8_t *to)
{
	Pallocd__V1__WhyReply w = PALLOCD__V1__WHY_REPLY__INIT;

	placement_note(f, q->placement);
	w.fits = q->npages <= 1000;
	if (w.fits) {
		w.addr = f->next_addr;
		w.grow_npages = 512;
	} else {
		w.short_npages = q->npages - 50;
	}
	w.free_npages = 512;
	w.largest_npages = 100;
	w.placed_npages = 50;
	w.growable_npages = 7;
	w.aligned_npages = 60;
	w.bounded_npages = 70;
	w.quota_npages = 80;
	w.quota_short_npages = 90;
	w.quota = (char *)"user_pages";
	reply->result_case = PALLOCD__V1__REPLY__RESULT_WHY;
	reply->why = &w;
	return fake_frame(reply, to);
}

static size_t answer_fit(struct fake *f, Pallocd__V1__Reply *reply, const Pallocd__V1__Fit *q,
			 uint8_t *to)
{
	Pallocd__V1__FitReply r = PALLOCD__V1__FIT_REPLY__INIT;

	placement_note(f, q->placement);
	r.nextents = 512 / q->npages;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_FIT;
	reply->fit = &r;
	return fake_frame(reply, to);
}

size_t fake_answer(struct fake *f, const Pallocd__V1__Request *q, uint8_t *to)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	reply.id = q->id;
	switch (q->verb_case) {
	case PALLOCD__V1__REQUEST__VERB_HELLO:
		return answer_hello(f, &reply, q->hello, to);
	case PALLOCD__V1__REQUEST__VERB_LIST_REGIONS:
		return answer_list(&reply, q->list_regions->after, to);
	case PALLOCD__V1__REQUEST__VERB_REGION_INFO:
		return answer_info(&reply, q->region_info, to);
	case PALLOCD__V1__REQUEST__VERB_ALLOC:
		return answer_alloc(f, &reply, q->alloc, to);
	case PALLOCD__V1__REQUEST__VERB_FREE:
		return answer_free(f, &reply, q->free, to);
	case PALLOCD__V1__REQUEST__VERB_GROW:
		return answer_grow(&reply, q->grow, to);
	case PALLOCD__V1__REQUEST__VERB_STAT:
		return answer_stat(&reply, q->stat, to);
	case PALLOCD__V1__REQUEST__VERB_MAP:
		return answer_map(&reply, q->map, to);
	case PALLOCD__V1__REQUEST__VERB_WHY:
		return answer_why(f, &reply, q->why, to);
	case PALLOCD__V1__REQUEST__VERB_FIT:
		return answer_fit(f, &reply, q->fit, to);
	default:
		return fake_answer_space(f, &reply, q, to);
	}
}

void fake_serve(struct fake *f, int fd)
{
	static _Thread_local uint8_t frame[PALLOCD_FRAME_BYTES_MAX + 4];
	Pallocd__V1__Request *request;

	while ((request = fake_read(fd))) {
		size_t n = fake_answer(f, request, frame);

		pallocd__v1__request__free_unpacked(request, NULL);
		if (!fake_write(fd, frame, n))
			return;
	}
}

void fake_raw(struct fake *f, int fd)
{
	static _Thread_local uint8_t reply[PALLOCD_FRAME_BYTES_MAX + 4];
	Pallocd__V1__Request *q;
	uint8_t *raw = f->arg;

	fake_hello(fd);
	if (!read_all(fd, raw, 4) || raw[0] > FAKE_RAW_BYTES - 4 || raw[1] ||
	    !read_all(fd, raw + 4, raw[0]))
		return;
	q = pallocd__v1__request__unpack(NULL, raw[0], raw + 4);
	if (!q)
		return;
	fake_write(fd, reply, fake_answer(f, q, reply));
	pallocd__v1__request__free_unpacked(q, NULL);
}
