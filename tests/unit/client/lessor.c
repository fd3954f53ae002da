/*
 * lessor - a scripted daemon that leases blocks of one region
 *
 * Role:       see lessor.h.
 * Uses:       fake.h, proto/, check
 */
#include "tests/unit/client/lessor.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void pause_short(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static size_t refuse(Pallocd__V1__Reply *reply, int status, uint8_t *to)
{
	static const Pallocd__V1__Refusal none = PALLOCD__V1__REFUSAL__INIT;
	Pallocd__V1__Refusal refusal = none;

	reply->status = (Pallocd__V1__Status)status;
	reply->message = (char *)"as the test wants it";
	reply->refusal = &refusal;
	return fake_frame(reply, to);
}

static size_t answer_hello(struct lessor *l, Pallocd__V1__Reply *reply, const Pallocd__V1__Hello *q,
			   uint8_t *to)
{
	Pallocd__V1__HelloReply h = PALLOCD__V1__HELLO_REPLY__INIT;
	Pallocd__V1__Feature features[3] = {2, 12, 15};

	l->nhellos++;
	l->recalls = q->recalls;
	if (l->ended && q->token.len)
		return refuse(reply, PALLOCD__V1__STATUS__NO_SESSION, to);
	h.version = PALLOCD_PROTOCOL_VERSION;
	h.session = 7;
	h.server = (char *)"lessor";
	h.frame_bytes_max = PALLOCD_FRAME_BYTES_MAX;
	h.batch_extents_max = PALLOCD_BATCH_EXTENTS_MAX;
	h.features = features;
	h.n_features = 3;
	if (l->repeats) {
		h.token = (ProtobufCBinaryData){16, (uint8_t *)"the lessor token"};
		h.repeats = true;
		h.restart_grace_msec = 60000;
		h.resumed = q->token.len != 0;
	}
	reply->result_case = PALLOCD__V1__REPLY__RESULT_HELLO;
	reply->hello = &h;
	return fake_frame(reply, to);
}

static size_t answer_info(struct lessor *l, Pallocd__V1__Reply *reply, uint8_t *to)
{
	Pallocd__V1__RegionInfoReply i = PALLOCD__V1__REGION_INFO_REPLY__INIT;
	Pallocd__V1__Region r = PALLOCD__V1__REGION__INIT;

	l->ninfos++;
	r.id = LESSOR_REGION;
	r.name = (char *)"r";
	r.base_addr = LESSOR_BASE;
	r.page_size_bytes = LESSOR_PAGE;
	r.limit_npages = l->npages;
	r.durability = (Pallocd__V1__Durability)l->durability;
	i.region = &r;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_REGION_INFO;
	reply->region_info = &i;
	return fake_frame(reply, to);
}

/* The extents that a reply names. */
struct extents {
	uint64_t addr[PALLOCD_LEASE_EXTENTS_MAX], npages[PALLOCD_LEASE_EXTENTS_MAX];
	size_t n;
};

static void page_out(struct lessor *l, struct extents *x, uint64_t page)
{
	uint64_t addr = LESSOR_BASE + page * LESSOR_PAGE;

	ck_assert_int_eq(l->page[page], LESSOR_FREE);
	l->page[page] = LESSOR_OUT;
	l->nout++;
	if (x->n && x->addr[x->n - 1] + x->npages[x->n - 1] * LESSOR_PAGE == addr) {
		x->npages[x->n - 1]++;
		return;
	}
	ck_assert_uint_lt(x->n, PALLOCD_LEASE_EXTENTS_MAX);
	x->addr[x->n] = addr;
	x->npages[x->n++] = 1;
}

/* As the real one: all that is free in the block of the lowest free page. */
static int lease(struct lessor *l, uint32_t nblocks, struct extents *x)
{
	while (nblocks--) {
		uint64_t page = 0, end, n = 0;

		while (page < l->npages && l->page[page])
			page++;
		if (page == l->npages)
			return x->n ? 0 : PALLOCD__V1__STATUS__NO_SPACE;
		end = page / 64 * 64 + 64;
		end = end < l->npages ? end : l->npages;
		for (uint64_t p = page; p < end; p++)
			n += !l->page[p];
		if (l->quota && l->nout + n > l->quota)
			return x->n ? 0 : PALLOCD__V1__STATUS__QUOTA;
		for (uint64_t p = page; p < end; p++) {
			if (!l->page[p])
				page_out(l, x, p);
		}
	}
	return 0;
}

/* First fit. */
static int alloc(struct lessor *l, uint64_t npages, struct extents *x)
{
	uint64_t run = 0, page;

	if (l->quota && l->nout + npages > l->quota)
		return PALLOCD__V1__STATUS__QUOTA;
	for (page = 0; page < l->npages && run < npages; page++)
		run = l->page[page] ? 0 : run + 1;
	if (run < npages)
		return PALLOCD__V1__STATUS__NO_SPACE;
	while (run)
		page_out(l, x, page - run--);
	return 0;
}

static int take_refusal(int *refusal)
{
	int status = *refusal;

	*refusal = 0;
	return status;
}

static size_t answer_alloc(struct lessor *l, Pallocd__V1__Reply *reply, const Pallocd__V1__Alloc *q,
			   uint8_t *to)
{
	Pallocd__V1__AllocReply a = PALLOCD__V1__ALLOC_REPLY__INIT;
	static struct extents x;
	int status = take_refusal(&l->refuse_alloc);

	ck_assert_uint_eq(q->region_id, LESSOR_REGION);
	x.n = 0;
	if (q->block) {
		l->nleases++;
		l->nblocks = q->block;
		ck_assert_uint_eq(q->n_npages, 0);
	} else {
		l->nallocs++;
		ck_assert_uint_eq(q->n_npages, 1);
	}
	if (!status)
		status = q->block ? lease(l, q->block, &x) : alloc(l, q->npages[0], &x);
	if (status)
		return refuse(reply, status, to);
	a.addr = x.addr;
	a.n_addr = x.n;
	a.npages = x.npages;
	a.n_npages = q->block ? x.n : 0;
	reply->result_case = PALLOCD__V1__REPLY__RESULT_ALLOC;
	reply->alloc = &a;
	return fake_frame(reply, to);
}

static size_t answer_free(struct lessor *l, Pallocd__V1__Reply *reply, const Pallocd__V1__Free *q,
			  uint8_t *to)
{
	Pallocd__V1__FreeReply f = PALLOCD__V1__FREE_REPLY__INIT;
	int status = take_refusal(&l->refuse_free);

	l->nfrees++;
	l->nranges += (unsigned)q->n_addr;
	for (size_t i = 0; !status && i < q->n_addr; i++) {
		uint64_t page = (q->addr[i] - LESSOR_BASE) / LESSOR_PAGE;

		for (uint64_t p = page; p < page + q->npages[i]; p++)
			status = l->page[p] == LESSOR_OUT ? status : PALLOCD__V1__STATUS__NOT_OWNER;
	}
	if (status)
		return refuse(reply, status, to);
	for (size_t i = 0; i < q->n_addr; i++) {
		uint64_t page = (q->addr[i] - LESSOR_BASE) / LESSOR_PAGE;

		for (uint64_t p = page; p < page + q->npages[i]; p++) {
			/* Named twice. */
			ck_assert_int_eq(l->page[p], LESSOR_OUT);
			l->page[p] = LESSOR_FREE;
			l->nout--;
		}
	}
	reply->result_case = PALLOCD__V1__REPLY__RESULT_FREE;
	reply->free = &f;
	return fake_frame(reply, to);
}

static size_t answer(struct lessor *l, const Pallocd__V1__Request *q, uint8_t *to)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;

	reply.id = q->id;
	switch (q->verb_case) {
	case PALLOCD__V1__REQUEST__VERB_HELLO:
		return answer_hello(l, &reply, q->hello, to);
	case PALLOCD__V1__REQUEST__VERB_REGION_INFO:
		return answer_info(l, &reply, to);
	case PALLOCD__V1__REQUEST__VERB_ALLOC:
		return answer_alloc(l, &reply, q->alloc, to);
	case PALLOCD__V1__REQUEST__VERB_FREE:
		return answer_free(l, &reply, q->free, to);
	default:
		return refuse(&reply, PALLOCD__V1__STATUS__UNKNOWN_VERB, to);
	}
}

static bool changes(const Pallocd__V1__Request *q)
{
	return q->verb_case == PALLOCD__V1__REQUEST__VERB_ALLOC ||
	       q->verb_case == PALLOCD__V1__REQUEST__VERB_FREE;
}

/* Under the lock. The reply, or the one of before; what changes something is remembered. Return: where it is. */
static const uint8_t *reply_make(struct lessor *l, const Pallocd__V1__Request *q, size_t *ret_bytes)
{
	static _Thread_local uint8_t other[4096];

	if (!changes(q)) {
		*ret_bytes = answer(l, q, other);
		return other;
	}
	if (!l->repeats || q->id != l->last_id)
		l->last_bytes = answer(l, q, l->last);
	l->last_id = q->id;
	*ret_bytes = l->last_bytes;
	return l->last;
}

static void lock_unheld(struct lessor *l, const Pallocd__V1__Request *q)
{
	pthread_mutex_lock(&l->lock);
	while (l->hold && q->verb_case == PALLOCD__V1__REQUEST__VERB_ALLOC) {
		pthread_mutex_unlock(&l->lock);
		pause_short();
		pthread_mutex_lock(&l->lock);
	}
}

/* Return: false: the connection is over. */
static bool serve_one(struct lessor *l, int fd)
{
	Pallocd__V1__Request *q = fake_read(fd);
	const uint8_t *reply;
	bool goes_on;
	size_t n;

	if (!q)
		return false;
	lock_unheld(l, q);
	reply = reply_make(l, q, &n);
	goes_on = !(l->vanish && changes(q));
	if (goes_on)
		goes_on = fake_write(fd, reply, n);
	else
		l->vanish = false;
	pthread_mutex_unlock(&l->lock);
	pallocd__v1__request__free_unpacked(q, NULL);
	return goes_on;
}

static void serve(struct fake *f, int fd)
{
	struct lessor *l = f->arg;

	pthread_mutex_lock(&l->lock);
	l->fd = fd;
	pthread_mutex_unlock(&l->lock);
	while (serve_one(l, fd))
		;
	pthread_mutex_lock(&l->lock);
	l->fd = -1;
	pthread_mutex_unlock(&l->lock);
}

struct lessor *lessor_start(uint64_t npages)
{
	struct lessor *l = calloc(1, sizeof(*l));

	ck_assert_ptr_nonnull(l);
	ck_assert_uint_le(npages, LESSOR_NPAGES_MAX);
	l->npages = npages;
	l->durability = PACLIENT_DURABILITY_PROCESS;
	l->fd = -1;
	pthread_mutex_init(&l->lock, NULL);
	fake_start(&l->fake, serve, l);
	return l;
}

void lessor_stop(struct lessor *l, uint64_t nout)
{
	fake_stop(&l->fake);
	ck_assert_uint_eq(l->nout, nout);
	free(l);
}

void lessor_recall(struct lessor *l)
{
	Pallocd__V1__Reply reply = PALLOCD__V1__REPLY__INIT;
	Pallocd__V1__Recall m = PALLOCD__V1__RECALL__INIT;

	m.region_id = LESSOR_REGION;
	reply.result_case = PALLOCD__V1__REPLY__RESULT_RECALL;
	reply.recall = &m;
	pthread_mutex_lock(&l->lock);
	if (l->fd >= 0)
		fake_send(l->fd, &reply);
	pthread_mutex_unlock(&l->lock);
}

void lessor_others(struct lessor *l, uint64_t page, uint64_t npages, bool theirs)
{
	pthread_mutex_lock(&l->lock);
	memset(l->page + page, theirs ? LESSOR_OTHERS : LESSOR_FREE, npages);
	pthread_mutex_unlock(&l->lock);
}

uint64_t lessor_nout(struct lessor *l)
{
	uint64_t n;

	pthread_mutex_lock(&l->lock);
	n = l->nout;
	pthread_mutex_unlock(&l->lock);
	return n;
}

void lessor_await(struct lessor *l, uint64_t nout)
{
	/* The case's own time is over before that. */
	while (lessor_nout(l) != nout)
		pause_short();
}

void lessor_cut(struct lessor *l)
{
	pthread_mutex_lock(&l->lock);
	if (l->fd >= 0)
		shutdown(l->fd, SHUT_RDWR);
	pthread_mutex_unlock(&l->lock);
}
