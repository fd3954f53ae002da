/*
 * client - a program that does all that programs do
 *
 * Role:       see client.h.
 * Uses:       libpaclient, model.h
 */
#include "tests/fault/kill/client.h"

#include <inttypes.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#include "tests/unit/random.h"

#define PAGE 4096
#define NPAGES_MAX 8
#define BATCH_MAX 6
#define HELD_MAX 40 /* extents that a client rather frees than takes more */
#define TIMEOUT_MSEC 60000

struct client {
	struct model *m;
	paclient *handle;
	unsigned index;
	uint64_t session;
};

struct worker {
	struct client *c;
	struct random rnd;
	struct paclient_call call;
	unsigned number, nnames;
	enum model_op op;
};

static void must(struct worker *w, int status)
{
	static const char *const names[] = {
#define MODEL_OP_NAME(id, text) text,
		MODEL_OPS(MODEL_OP_NAME)
#undef MODEL_OP_NAME
	};

	MUST(status == PACLIENT_OK, "client %u: %s: %s (%s)", w->c->index, names[w->op],
	     w->call.error.message, paclient_status_name(status));
}

static uint64_t below(struct worker *w, uint64_t n)
{
	return random_below(&w->rnd, n);
}

static void lock(struct worker *w)
{
	pthread_mutex_lock(&w->c->m->lock);
}

static void unlock(struct worker *w)
{
	pthread_mutex_unlock(&w->c->m->lock);
}

static uint32_t id_of(const struct model_extent *e)
{
	return (uint32_t)e->region + 1;
}

static bool shares(const struct model_extent *e, unsigned client)
{
	for (unsigned i = 0; i < e->nshares; i++) {
		if (e->shares[i] == client)
			return true;
	}
	return false;
}

enum pick { PICK_OWN, PICK_OWN_ALONE, PICK_OTHERS, PICK_HELD };

static bool fits(const struct worker *w, const struct model_extent *e, enum pick pick)
{
	unsigned self = w->c->index;

	if (!e->used || e->busy)
		return false;
	switch (pick) {
	case PICK_OWN:
		return e->owner == self;
	case PICK_OWN_ALONE:
		return e->owner == self && e->nshares == 0;
	case PICK_OTHERS:
		return e->owner != self && !shares(e, self) && e->nshares < MODEL_SHARES;
	case PICK_HELD:
		return (e->owner == self && e->nshares) || shares(e, self);
	}
	return false;
}

/* Some extent that fits, marked as busy; NULL: there is none. */
static struct model_extent *pick(struct worker *w, enum pick how, uint64_t npages_min)
{
	unsigned from = (unsigned)below(w, MODEL_EXTENTS);
	struct model_extent *found = NULL;

	lock(w);
	for (unsigned i = 0; !found && i < MODEL_EXTENTS; i++) {
		struct model_extent *e = &w->c->m->extents[(from + i) % MODEL_EXTENTS];

		if (fits(w, e, how) && e->npages >= npages_min)
			found = e;
	}
	if (found)
		found->busy = true;
	unlock(w);
	return found;
}

/* What was busy is as it is now. */
static void settle(struct worker *w, struct model_extent *e)
{
	lock(w);
	e->by = w->op;
	e->busy = false;
	unlock(w);
}

static void name_make(struct worker *w, char name[MODEL_NAME_BYTES])
{
	snprintf(name, MODEL_NAME_BYTES, "c%u-%u-%u", w->c->index, w->number, w->nnames++);
}

static enum model_region region_draw(struct worker *w)
{
	return below(w, 8) ? REGION_PROCESS : REGION_MACHINE;
}

static void op_alloc(struct worker *w)
{
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;
	struct model_extent e = {
		.region = region_draw(w), .npages = 1 + below(w, NPAGES_MAX), .owner = w->c->index};

	if (below(w, 3) == 0) {
		name_make(w, e.name);
		o.name = e.name;
	}
	must(w, paclient_alloc_with(w->c->handle, id_of(&e), 1, &e.npages, &o, &e.addr, &w->call));
	lock(w);
	e.by = w->op;
	model_add(w->c->m, &e);
	unlock(w);
}

static void op_batch(struct worker *w)
{
	struct model_extent e = {.region = region_draw(w), .owner = w->c->index};
	uint64_t npages[BATCH_MAX] = {0}, addrs[BATCH_MAX];
	size_t n = 1 + below(w, BATCH_MAX);

	for (size_t i = 0; i < n; i++)
		npages[i] = 1 + below(w, NPAGES_MAX);
	must(w, paclient_alloc_batch(w->c->handle, id_of(&e), n, npages, 0, addrs, &w->call));
	lock(w);
	for (size_t i = 0; i < n; i++) {
		e.addr = addrs[i];
		e.npages = npages[i];
		e.by = w->op;
		model_add(w->c->m, &e);
	}
	unlock(w);
}

static void op_free(struct worker *w)
{
	struct model_extent *e = pick(w, PICK_OWN_ALONE, 1);

	if (!e)
		return;
	must(w, paclient_free(w->c->handle, id_of(e), e->addr, e->npages, &w->call));
	lock(w);
	model_remove(w->c->m, e);
	unlock(w);
}

static void op_frees(struct worker *w)
{
	struct model_extent *e[BATCH_MAX];
	uint64_t addrs[BATCH_MAX], npages[BATCH_MAX];
	size_t n = 0;

	while (n < BATCH_MAX && (e[n] = pick(w, PICK_OWN_ALONE, 1)) != NULL) {
		if (e[n]->region != e[0]->region) {
			settle(w, e[n]);
			break;
		}
		addrs[n] = e[n]->addr;
		npages[n] = e[n]->npages;
		n++;
	}
	if (n == 0)
		return;
	must(w, paclient_free_batch(w->c->handle, id_of(e[0]), n, addrs, npages, &w->call));
	lock(w);
	for (size_t i = 0; i < n; i++)
		model_remove(w->c->m, e[i]);
	unlock(w);
}

/* The lowest part that is left keeps the name. */
static void op_part(struct worker *w)
{
	struct model_extent *e = pick(w, PICK_OWN_ALONE, 3), upper;
	uint64_t first, n;

	if (!e)
		return;
	first = below(w, e->npages - 1);
	n = 1 + below(w, e->npages - first - 1);
	must(w, paclient_free(w->c->handle, id_of(e), e->addr + first * PAGE, n, &w->call));
	upper = *e;
	upper.busy = false;
	upper.addr = e->addr + (first + n) * PAGE;
	upper.npages = e->npages - first - n;
	lock(w);
	if (first == 0) {
		*e = upper;
	} else {
		e->npages = first;
		e->by = w->op;
		e->busy = false;
		upper.name[0] = '\0';
		if (upper.npages)
			upper.by = w->op;
		model_add(w->c->m, &upper);
	}
	unlock(w);
}

/* It may be in somebody's way: then nothing has changed. */
static void op_resize(struct worker *w)
{
	struct model_extent *e = pick(w, PICK_OWN_ALONE, 1);
	uint64_t npages, addr;
	int status;

	if (!e)
		return;
	npages = 1 + below(w, NPAGES_MAX);
	status = paclient_resize(w->c->handle, id_of(e), e->addr, npages, PACLIENT_UPPER, &addr,
				 &w->call);
	if (status != PACLIENT_NOT_FREE)
		must(w, status);
	lock(w);
	if (status == PACLIENT_OK)
		e->npages = npages;
	e->by = w->op;
	e->busy = false;
	unlock(w);
}

static void op_split(struct worker *w)
{
	struct model_extent *e = pick(w, PICK_OWN_ALONE, 2), upper;
	uint64_t n;

	if (!e)
		return;
	/* Both parts would have the name. */
	if (e->name[0]) {
		settle(w, e);
		return;
	}
	n = 1 + below(w, e->npages - 1);
	must(w, paclient_split(w->c->handle, id_of(e), e->addr + n * PAGE, NULL, NULL, &w->call));
	upper = *e;
	upper.busy = false;
	upper.addr += n * PAGE;
	upper.npages -= n;
	lock(w);
	e->npages = n;
	e->by = w->op;
	e->busy = false;
	upper.by = w->op;
	model_add(w->c->m, &upper);
	unlock(w);
}

/* What begins where @e ends, if it can be joined; busy. */
static struct model_extent *neighbour(struct worker *w, const struct model_extent *e)
{
	struct model_extent *found = NULL;

	lock(w);
	for (unsigned i = 0; !found && i < MODEL_EXTENTS; i++) {
		struct model_extent *x = &w->c->m->extents[i];

		if (fits(w, x, PICK_OWN_ALONE) && x->region == e->region &&
		    x->addr == e->addr + e->npages * PAGE && !(e->name[0] && x->name[0]))
			found = x;
	}
	if (found)
		found->busy = true;
	unlock(w);
	return found;
}

static void op_join(struct worker *w)
{
	struct model_extent *e = pick(w, PICK_OWN_ALONE, 1), *next;

	if (!e)
		return;
	next = neighbour(w, e);
	if (!next) {
		settle(w, e);
		return;
	}
	must(w, paclient_join(w->c->handle, id_of(e), e->addr, e->npages + next->npages, NULL,
			      &w->call));
	lock(w);
	e->npages += next->npages;
	if (next->name[0])
		memcpy(e->name, next->name, sizeof(e->name));
	e->by = w->op;
	e->busy = false;
	model_remove(w->c->m, next);
	unlock(w);
}

static void op_name(struct worker *w)
{
	struct model_extent *e = pick(w, PICK_OWN, 1);
	char name[MODEL_NAME_BYTES] = "";

	if (!e)
		return;
	if (below(w, 2))
		name_make(w, name);
	must(w, paclient_annotate(w->c->handle, id_of(e), e->addr, name, NULL, &w->call));
	lock(w);
	memcpy(e->name, name, sizeof(name));
	e->by = w->op;
	e->busy = false;
	unlock(w);
}

static void op_handover(struct worker *w)
{
	struct model_extent *e = pick(w, PICK_OWN_ALONE, 1);
	unsigned heir = (unsigned)below(w, MODEL_CLIENTS);
	struct model *m = w->c->m;

	if (!e)
		return;
	if (heir == w->c->index || m->nheld[heir] > 2 * HELD_MAX) {
		settle(w, e);
		return;
	}
	must(w,
	     paclient_handover(w->c->handle, id_of(e), e->addr, m->sessions[heir], NULL, &w->call));
	lock(w);
	m->nheld[e->owner]--;
	e->owner = heir;
	m->nheld[heir]++;
	e->by = w->op;
	e->busy = false;
	unlock(w);
}

static void op_share(struct worker *w)
{
	struct model_extent *e = pick(w, PICK_OTHERS, 1);

	if (!e)
		return;
	must(w, paclient_share(w->c->handle, id_of(e), e->addr, NULL, &w->call));
	lock(w);
	e->shares[e->nshares++] = w->c->index;
	e->by = w->op;
	e->busy = false;
	unlock(w);
}

static void share_remove(struct model_extent *e, unsigned i)
{
	e->nshares--;
	memmove(e->shares + i, e->shares + i + 1, (e->nshares - i) * sizeof(e->shares[0]));
}

static void op_release(struct worker *w)
{
	struct model_extent *e = pick(w, PICK_HELD, 1);
	struct model *m = w->c->m;
	uint32_t nholders;

	if (!e)
		return;
	must(w, paclient_release(w->c->handle, id_of(e), e->addr, NULL, &nholders, &w->call));
	MUST(nholders == e->nshares, "%u holders are left, wanted %u", nholders, e->nshares);
	lock(w);
	if (e->owner == w->c->index) {
		m->nheld[e->owner]--;
		e->owner = e->shares[0];
		m->nheld[e->owner]++;
		share_remove(e, 0);
	} else {
		for (unsigned i = e->nshares; i-- > 0;) {
			if (e->shares[i] == w->c->index)
				share_remove(e, i);
		}
	}
	e->by = w->op;
	e->busy = false;
	unlock(w);
}

static void op_grow(struct worker *w)
{
	struct paclient_range added;

	must(w, paclient_grow(w->c->handle, REGION_GROWS + 1, 512, &added, &w->call));
	lock(w);
	w->c->m->grown_npages += added.npages;
	unlock(w);
}

static const struct {
	void (*act)(struct worker *w);
	unsigned share; /* of 64 */
} ops[MODEL_NOPS] = {
	[OP_ALLOC] = {op_alloc, 14}, [OP_BATCH] = {op_batch, 4},
	[OP_FREE] = {op_free, 8},    [OP_FREES] = {op_frees, 3},
	[OP_PART] = {op_part, 5},    [OP_RESIZE] = {op_resize, 6},
	[OP_SPLIT] = {op_split, 4},  [OP_JOIN] = {op_join, 3},
	[OP_NAME] = {op_name, 4},    [OP_HANDOVER] = {op_handover, 4},
	[OP_SHARE] = {op_share, 4},  [OP_RELEASE] = {op_release, 4},
	[OP_GROW] = {op_grow, 1},
};

static enum model_op op_draw(struct worker *w)
{
	uint64_t at = below(w, 64);
	unsigned op = 0;

	while (op + 1 < MODEL_NOPS && at >= ops[op].share)
		at -= ops[op++].share;
	if (op <= OP_BATCH && w->c->m->nheld[w->c->index] > HELD_MAX)
		return OP_FREE;
	return (enum model_op)op;
}

/* Return: false: it is to stop. */
static bool park(struct worker *w)
{
	struct model *m = w->c->m;
	bool stop;

	lock(w);
	while (m->pause && !m->stop) {
		m->nparked++;
		pthread_cond_signal(&m->parked_cond);
		pthread_cond_wait(&m->go_cond, &m->lock);
		m->nparked--;
	}
	stop = m->stop;
	m->counts[w->op]++;
	unlock(w);
	return !stop;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	do {
		w->op = op_draw(w);
		ops[w->op].act(w);
	} while (park(w));
	return NULL;
}

static void run(struct client *c, uint64_t seed)
{
	struct worker workers[MODEL_THREADS];
	pthread_t threads[MODEL_THREADS];

	for (unsigned i = 0; i < MODEL_THREADS; i++) {
		workers[i] = (struct worker){
			.c = c,
			.rnd = {seed * MODEL_THREADS + i},
			.call = PACLIENT_CALL_INIT,
			.number = i,
		};
		MUST(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "no thread");
	}
	for (unsigned i = 0; i < MODEL_THREADS; i++)
		pthread_join(threads[i], NULL);
}

pid_t client_start(struct model *m, const char *socket, unsigned index, uint64_t seed)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct client c = {.m = m, .index = index};
	pid_t pid = fork();

	MUST(pid >= 0, "fork");
	if (pid)
		return pid;
	/* Not to outlive a test that has failed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	o.timeout_ms = TIMEOUT_MSEC;
	MUST(paclient_open(socket, &o, &c.handle, &call) == 0, "%s", call.error.message);
	c.session = paclient_session_id(c.handle);
	pthread_mutex_lock(&m->lock);
	m->sessions[index] = c.session;
	m->nready++;
	pthread_cond_signal(&m->parked_cond);
	/* Others hand extents over to us from the beginning. */
	while (m->nready < MODEL_CLIENTS)
		pthread_cond_wait(&m->go_cond, &m->lock);
	pthread_mutex_unlock(&m->lock);
	run(&c, seed);
	MUST(paclient_session_id(c.handle) == c.session, "client %u: its session is another one",
	     index);
	paclient_close(c.handle);
	_exit(0);
}
