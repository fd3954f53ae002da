/*
 * bench_backing - what memory behind the addresses costs, beside the bare system calls
 *
 * Role:       starts pallocd with a memfd region and times, in turns with the same calls of fallocate(2) on a memfd of its own:
 *             - scavenge: free runs of 512 and of 4096 pages, each between pages that are held, go back to the system in one request;
 *             - commit:   extents that have their memory before the reply comes, by libpaclient, one call at a time;
 *             - pipeline: the same with 8 calls in flight;
 *             - asked:    the bare call alone, by a process that is asked for it over a socket, one call at a time, and answers: what the way to any
 *                         other process and back takes, and beginning with cold caches, when a run has been cleared;
 *             all of it on one processor, for what clearing a page takes is half or twice as much where another one has used it before: that would
 *             say more about the machine than about pallocd;
 *             and, in turns with nothing going on, what another client's pairs of alloc and free take
 *             - bare:     while another process releases as much memory of its own: what the machine makes of it;
 *             - demand:   while gigabytes go back to the system, as fast as they can, because somebody has asked for it;
 *             - paced:    while they do in the background, with the share of a processor that is the default;
 *             - stall:    while the memory behind a sparse extent of 64 GiB does, of which there is hardly any; and the longest turn of the
 *                         daemon's loop meanwhile, seen by a probe in its process (loop_probe.h).
 *             Prints a line for each. The goals: 1.15 times the bare calls with runs of 512 pages, 1.1 with 4096, 1.15 for commit; p99 at most
 *             1.5 times the undisturbed one; no stall of a millisecond.
 * Uses:       loop_probe.h, libpaclient, tests/unit/wire.h, tests/e2e/daemon/daemon.h, tests/bench/place/measure.h, tests/bench/rpc/hist.h
 */
#include <inttypes.h>
#include <paclient.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/bench/backing/loop_probe.h"
#include "tests/bench/place/measure.h"
#include "tests/bench/rpc/hist.h"
#include "tests/e2e/daemon/daemon.h"

#define PAGE_BYTES UINT64_C(4096)
#define SPACER_NPAGES 512u /* between two runs; held, and without memory */
#define RUNS_MAX 512u
/* The largest part that is given back at once: the other client's page may come to lie behind one. */
#define JOB_NPAGES 16384u
#define DEPTH 8u /* calls in flight in a pipeline */
#define REGION 1u

struct options {
	uint64_t npages; /* committed and scavenged in a round */
	uint64_t sparse_npages;
	uint64_t disturb_npages;
	unsigned rounds;
};

static struct daemon_process d;
static int conn;
static paclient *client;

static double msec(uint64_t begin)
{
	return measure_ns((double)measure_ticks(begin, measure_now())) / 1e6;
}

/* Where @delay is longer than any measurement, the scavenger does nothing on its own. */
static void daemon_begin(uint64_t limit_npages, const char *delay)
{
	char region[160];

	snprintf(region, sizeof(region),
		 "bench,backing=memfd,limit=%" PRIu64 ",initial=%" PRIu64
		 ",base=0x100000000,retain=0,scavenge-delay=%s",
		 limit_npages * PAGE_BYTES, limit_npages * PAGE_BYTES, delay);
	daemon_start(&d, region);
	conn = wire_open(d.path);
	if (paclient_open(d.path, NULL, &client, NULL))
		measure_fail("the library does not connect");
}

static void daemon_end(void)
{
	paclient_close(client);
	close(conn);
	daemon_stop(&d);
}

/* @call: waited for where it has no done(). Return: its status. */
static int take_call(uint64_t npages, bool commit, uint64_t *ret_addr, struct paclient_call *call)
{
	struct paclient_alloc_options o = PACLIENT_ALLOC_OPTIONS_INIT;

	o.commit = commit ? PACLIENT_COMMIT_NOW : PACLIENT_COMMIT_LAZY;
	return paclient_alloc_with(client, REGION, 1, &npages, &o, ret_addr, call);
}

static void take_check(int status, int wanted, const struct paclient_call *call)
{
	if (status != wanted)
		measure_fail("no pages: %s", call->error.message);
}

static uint64_t take(uint64_t npages, bool commit)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	uint64_t addr;

	take_check(take_call(npages, commit, &addr, &call), PACLIENT_OK, &call);
	return addr;
}

/* @n of them into @addr, DEPTH in flight. */
static void take_piped(uint64_t *addr, unsigned n, uint64_t npages)
{
	struct paclient_call calls[DEPTH], *call;
	struct pollfd p = {.events = POLLIN};

	if (paclient_fd(client, &p.fd, NULL))
		measure_fail("no descriptor to wait for");
	for (unsigned sent = 0, got = 0; got < n;) {
		/* Answered in order. */
		for (; sent < n && sent - got < DEPTH; sent++) {
			call = &calls[sent % DEPTH];
			*call = (struct paclient_call)PACLIENT_CALL_INIT;
			call->done = paclient_queued;
			take_check(take_call(npages, true, &addr[sent], call), PACLIENT_PENDING,
				   call);
		}
		if (poll(&p, 1, -1) != 1 || paclient_process(client))
			measure_fail("calls in flight: %s", strerror(errno));
		while ((call = paclient_next(client)) != NULL) {
			take_check(call->error.status, PACLIENT_OK, call);
			got++;
		}
	}
}

static void give(uint64_t addr, uint64_t npages)
{
	if (paclient_free(client, REGION, addr, npages, NULL))
		measure_fail("%" PRIu64 " pages at %#" PRIx64 " were not taken back", npages, addr);
}

/* All of it. Return: pages whose memory went. */
static uint64_t scavenge(void)
{
	Pallocd__V1__Scavenge m = PALLOCD__V1__SCAVENGE__INIT;
	uint64_t npages;
	Reply *reply;

	m.region_id = REGION;
	m.wait = true;
	reply = wire_call(conn, &REQUEST(5, SCAVENGE, scavenge, &m));
	if (reply->status)
		measure_fail("scavenge: %s", reply->message);
	npages = reply->scavenge->released_npages;
	wire_done(reply);
	return npages;
}

static uint64_t resident_bytes(void)
{
	Reply *reply = wire_stat(conn);
	uint64_t bytes = reply->stat->region->resident_bytes;

	wire_done(reply);
	return bytes;
}

static int memfd_make(uint64_t npages)
{
	int fd = memfd_create("bare", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)(npages * PAGE_BYTES)))
		measure_fail("no memfd: %s", strerror(errno));
	return fd;
}

static void bare(int fd, int mode, uint64_t page, uint64_t npages)
{
	if (fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)(page * PAGE_BYTES),
		      (off_t)(npages * PAGE_BYTES)))
		measure_fail("fallocate: %s", strerror(errno));
}

/* One round by the bare calls: commit runs, then release them. */
static void bare_round(int fd, unsigned nruns, uint64_t run_npages, double *ret_commit,
		       double *ret_release)
{
	uint64_t step = run_npages + SPACER_NPAGES, begin = measure_now();

	for (unsigned i = 0; i < nruns; i++)
		bare(fd, 0, i * step, run_npages);
	*ret_commit = msec(begin);
	begin = measure_now();
	for (unsigned i = 0; i < nruns; i++)
		bare(fd, FALLOC_FL_PUNCH_HOLE, i * step, run_npages);
	*ret_release = msec(begin);
}

/* The same by pallocd, one call at a time or @piped. The spacers are there already, so that each run comes to lie between two. */
static void pallocd_round(unsigned nruns, uint64_t run_npages, bool piped, double *ret_commit,
			  double *ret_release)
{
	uint64_t addr[RUNS_MAX], begin, npages;

	begin = measure_now();
	if (piped)
		take_piped(addr, nruns, run_npages);
	for (unsigned i = 0; i < nruns && !piped; i++)
		addr[i] = take(run_npages, true);
	*ret_commit = msec(begin);
	if (resident_bytes() < nruns * run_npages * PAGE_BYTES)
		measure_fail("committed, but not there");
	for (unsigned i = 0; i < nruns; i++)
		give(addr[i], run_npages);
	begin = measure_now();
	npages = scavenge();
	*ret_release = msec(begin);
	if (npages != nruns * run_npages || resident_bytes() != 0)
		measure_fail("%" PRIu64 " pages were scavenged, and %" PRIu64 " bytes are left",
			     npages, resident_bytes());
}

/* A process that commits what it is asked for, and does nothing else. */
struct asked {
	pid_t pid;
	int socket;
};

struct ask {
	uint64_t page, npages;
};

static void asked_begin(struct asked *a, int fd)
{
	struct ask ask;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) || (a->pid = fork()) < 0)
		measure_fail("no process to ask: %s", strerror(errno));
	a->socket = ends[a->pid == 0];
	close(ends[a->pid != 0]);
	if (a->pid)
		return;
	while (recv(a->socket, &ask, sizeof(ask), 0) == sizeof(ask)) {
		bare(fd, 0, ask.page, ask.npages);
		if (send(a->socket, &ask, sizeof(ask), 0) != sizeof(ask))
			break;
	}
	_exit(0);
}

static void asked_end(struct asked *a)
{
	close(a->socket);
	waitpid(a->pid, NULL, 0);
}

/* What a bare_round() commits, asked for. What it releases is not timed. Return: ms. */
static double asked_round(const struct asked *a, int fd, unsigned nruns, uint64_t run_npages)
{
	uint64_t step = run_npages + SPACER_NPAGES, begin = measure_now();
	struct ask ask = {.npages = run_npages};
	double ms;

	for (unsigned i = 0; i < nruns; i++) {
		ask.page = i * step;
		if (send(a->socket, &ask, sizeof(ask), 0) != sizeof(ask) ||
		    recv(a->socket, &ask, sizeof(ask), 0) != sizeof(ask))
			measure_fail("the process that is asked has gone");
	}
	ms = msec(begin);
	for (unsigned i = 0; i < nruns; i++)
		bare(fd, FALLOC_FL_PUNCH_HOLE, i * step, run_npages);
	return ms;
}

/* What one line compares: ours, the bare calls, and how they were to each other in a round. */
struct compared {
	struct samples ours, theirs, ratio;
};

static void compared_add(struct compared *c, double ours, double theirs)
{
	samples_add(&c->ours, ours);
	samples_add(&c->theirs, theirs);
	samples_add(&c->ratio, ours / theirs);
}

/* @goal: 0: there is none. */
static void compared_print(struct compared *c, const char *what, uint64_t run_npages,
			   unsigned nruns, double goal)
{
	double npages = (double)run_npages * nruns;

	printf("  %-9s %5" PRIu64 "   %9.1f   %9.1f   %6.3f", what, run_npages,
	       samples_quantile(&c->ours, 0.5) * 1e6 / npages,
	       samples_quantile(&c->theirs, 0.5) * 1e6 / npages, samples_quantile(&c->ratio, 0.5));
	if (goal > 0)
		printf(" (%.2f)", goal);
	putchar('\n');
	samples_clear(&c->ours);
	samples_clear(&c->theirs);
	samples_clear(&c->ratio);
}

/* From now on this process and what it starts run on one processor. Return: where they might before. */
static cpu_set_t pin(void)
{
	cpu_set_t before, one;
	size_t last = 0;

	if (sched_getaffinity(0, sizeof(before), &before))
		measure_fail("sched_getaffinity: %s", strerror(errno));
	for (size_t i = 0; i < CPU_SETSIZE; i++)
		last = CPU_ISSET(i, &before) ? i : last;
	CPU_ZERO(&one);
	CPU_SET(last, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		measure_fail("sched_setaffinity: %s", strerror(errno));
	return before;
}

static void bench_runs(const struct options *o, uint64_t run_npages, double goal)
{
	struct compared commit = {0}, pipeline = {0}, release = {0}, way = {0};
	unsigned nruns = (unsigned)(o->npages / run_npages);
	uint64_t step = run_npages + SPACER_NPAGES, addr[RUNS_MAX];
	int fd = memfd_make(nruns * step);
	cpu_set_t before = pin();
	struct asked asked;

	asked_begin(&asked, fd);
	nruns = nruns < RUNS_MAX ? nruns : RUNS_MAX;
	daemon_begin(nruns * step, "1d");
	for (unsigned i = 0; i < nruns; i++) {
		addr[i] = take(run_npages, false);
		take(SPACER_NPAGES, false);
	}
	for (unsigned i = 0; i < nruns; i++)
		give(addr[i], run_npages);
	scavenge();
	for (unsigned i = 0; i < o->rounds; i++) {
		double ours[2], piped[2], theirs[2];

		pallocd_round(nruns, run_npages, false, &ours[0], &ours[1]);
		bare_round(fd, nruns, run_npages, &theirs[0], &theirs[1]);
		pallocd_round(nruns, run_npages, true, &piped[0], &piped[1]);
		compared_add(&way, asked_round(&asked, fd, nruns, run_npages), theirs[0]);
		compared_add(&commit, ours[0], theirs[0]);
		compared_add(&pipeline, piped[0], theirs[0]);
		compared_add(&release, ours[1], theirs[1]);
		compared_add(&release, piped[1], theirs[1]);
	}
	compared_print(&release, "scavenge", run_npages, nruns, goal);
	compared_print(&commit, "commit", run_npages, nruns, 1.15);
	compared_print(&pipeline, "pipeline", run_npages, nruns, 1.15);
	compared_print(&way, "asked", run_npages, nruns, 0);
	asked_end(&asked);
	close(fd);
	daemon_end();
	if (sched_setaffinity(0, sizeof(before), &before))
		measure_fail("sched_setaffinity: %s", strerror(errno));
}

/* Another client: pairs of alloc and free, one request at a time, for as long as it is told to. Shared with its process. */
struct other {
	volatile bool stop;
	volatile unsigned phase; /* which histogram; counts up */
	struct hist hist[2];     /* nothing going on; something is */
	uint64_t longest_ns[2];
};

static void other_run(struct other *o)
{
	int fd = wire_open(d.path);

	while (!o->stop) {
		unsigned phase = o->phase;
		uint64_t addr, begin, ns;
		bool take_it = true;

		for (int i = 0; i < 2; i++, take_it = false) {
			begin = measure_now();
			if (take_it ? wire_alloc(fd, 1, 0, &addr) : wire_free(fd, addr, 1))
				measure_fail("the other client was refused");
			ns = (uint64_t)measure_ns((double)measure_ticks(begin, measure_now()));
			if (phase != o->phase || phase == 2)
				continue;
			hist_add(&o->hist[phase], ns);
			if (ns > o->longest_ns[phase])
				o->longest_ns[phase] = ns;
		}
	}
	exit(0);
}

static struct other *other_begin(pid_t *ret_pid)
{
	struct other *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			       -1, 0);

	WIRE_MUST(o != MAP_FAILED, "mmap: %s", strerror(errno));
	o->phase = 2;
	fflush(NULL);
	*ret_pid = fork();
	WIRE_MUST(*ret_pid >= 0, "fork: %s", strerror(errno));
	if (*ret_pid == 0)
		other_run(o);
	return o;
}

static void other_end(struct other *o, pid_t pid)
{
	int status;

	o->stop = true;
	WIRE_MUST(waitpid(pid, &status, 0) == pid && status == 0, "the other client failed");
	munmap(o, sizeof(*o));
}

/* What goes on beside the other client. */
enum beside { BARE, DEMAND, PACED, SPARSE };

static const struct {
	const char *name;
	const char *delay;
	bool commit;
} besides[] = {
	[BARE] = {"bare", "1d", false},
	[DEMAND] = {"demand", "1d", true},
	[PACED] = {"paced", "0", true},
	[SPARSE] = {"stall", "1d", false},
};

/* So long the background is looked at; it takes many times as long to be through. */
#define PACED_MSEC 2000

static void beside_do(enum beside what, uint64_t npages)
{
	int fd;

	switch (what) {
	case BARE:
		fd = memfd_make(npages);
		bare(fd, 0, 0, npages);
		bare(fd, FALLOC_FL_PUNCH_HOLE, 0, npages);
		close(fd);
		break;
	case PACED:
		wire_sleep_msec(PACED_MSEC);
		break;
	case DEMAND:
	case SPARSE:
		scavenge();
		break;
	}
}

/* In the daemon that is started next. Return: the descriptor that the daemon finds it by. */
static int probe_begin(struct loop_probe **ret)
{
	char path[64];
	int fd = memfd_create("loop_probe", MFD_CLOEXEC);

	WIRE_MUST(fd >= 0 && !ftruncate(fd, sizeof(**ret)), "memfd_create: %s", strerror(errno));
	*ret = mmap(NULL, sizeof(**ret), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	WIRE_MUST(*ret != MAP_FAILED, "mmap: %s", strerror(errno));
	(*ret)->phase = 2;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	setenv(LOOP_PROBE_ENV, path, 1);
	setenv("LD_PRELOAD", LOOP_PROBE_PATH, 1);
	return fd;
}

static void probe_end(struct loop_probe *p, int fd)
{
	unsetenv("LD_PRELOAD");
	unsetenv(LOOP_PROBE_ENV);
	WIRE_MUST(p->longest[0].nturns && p->longest[1].nturns, "the probe has seen no loop");
	printf("            longest turn of the loop %8.1f to %8.1f us (1000), of processor time "
	       "%8.1f to %8.1f us\n",
	       (double)p->longest[0].wall_ns / 1000, (double)p->longest[1].wall_ns / 1000,
	       (double)p->longest[0].cpu_ns / 1000, (double)p->longest[1].cpu_ns / 1000);
	munmap(p, sizeof(*p));
	close(fd);
}

static void phase_set(struct other *o, struct loop_probe *p, unsigned phase)
{
	o->phase = phase;
	p->phase = phase;
}

static void bench_beside(enum beside what, uint64_t npages, unsigned rounds)
{
	struct samples took = {0};
	struct loop_probe *p;
	int fd = probe_begin(&p);
	struct other *o;
	pid_t pid;

	daemon_begin(npages + 2 * JOB_NPAGES, besides[what].delay);
	o = other_begin(&pid);
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t addr = take(npages, besides[what].commit), begin;

		phase_set(o, p, 0);
		wire_sleep_msec(took.n ? (long)samples_quantile(&took, 0.5) + 50 : 300);
		phase_set(o, p, 2);
		give(addr, npages);
		phase_set(o, p, 1);
		begin = measure_now();
		beside_do(what, npages);
		samples_add(&took, msec(begin));
		phase_set(o, p, 2);
		if (what == PACED)
			scavenge();
	}
	printf("  %-9s %6.1f GiB   %8.0f ms   p99 %6.1f to %6.1f us: %5.2f (1.5)   longest %8.1f "
	       "to "
	       "%8.1f us\n",
	       besides[what].name, (double)(npages * PAGE_BYTES) / (double)(UINT64_C(1) << 30),
	       samples_quantile(&took, 0.5), hist_quantile(&o->hist[0], 0.99) / 1000,
	       hist_quantile(&o->hist[1], 0.99) / 1000,
	       hist_quantile(&o->hist[1], 0.99) / hist_quantile(&o->hist[0], 0.99),
	       (double)o->longest_ns[0] / 1000, (double)o->longest_ns[1] / 1000);
	probe_end(p, fd);
	samples_clear(&took);
	other_end(o, pid);
	daemon_end();
}

static void usage(void)
{
	fputs("usage: bench_backing [--quick]\n\n"
	      "Times what pallocd's memfd regions cost beside fallocate(2): scavenging, and "
	      "extents "
	      "whose memory is there\nbefore the reply; and what another client notices of large "
	      "scavenges. Needs 5 GiB of memory.\n--quick: to see that it runs.\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct options o = {.npages = 1u << 17,
			    .sparse_npages = UINT64_C(1) << 24,
			    .disturb_npages = UINT64_C(1) << 20,
			    .rounds = 7};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick"))
			usage();
		o = (struct options){1u << 13, 1u << 18, 1u << 13, 2};
	}
	measure_init();
	printf("in turns with the bare calls, nanoseconds a page\n"
	       "            run        taken        bare    ratio (goal)\n");
	bench_runs(&o, 512, 1.15);
	bench_runs(&o, 4096, 1.1);
	printf("another client's requests, without and beside\n");
	bench_beside(BARE, o.disturb_npages, o.rounds);
	bench_beside(DEMAND, o.disturb_npages, o.rounds);
	bench_beside(PACED, o.disturb_npages, o.rounds);
	bench_beside(SPARSE, o.sparse_npages, o.rounds);
	return 0;
}
