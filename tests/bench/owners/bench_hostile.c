/*
 * bench_hostile - what one user's calls take while another user means harm
 *
 * Role:       an honest process by itself; while hostile ones of another user do to a daemon of their own what they can; and beside them, at
 *             the same daemon: each kind alone, then all at once. Prints all three and what they differ by. The hostile ones, and their own
 *             daemon, run only where the machine has nothing better to do (SCHED_IDLE), so that it is the daemon's time that they take
 *             and not the processor's; yet who is in the kernel is not interrupted there for somebody better, and what that does is
 *             seen in the second. For root only.
 * Uses:       tests/e2e/daemon/: daemon.h, crew.h, honest.h
 *
 * The goal: p99 of requests within 2 times of its value alone.
 */
#include <sched.h>

#include "tests/e2e/daemon/crew.h"
#include "tests/e2e/daemon/daemon.h"
#include "tests/e2e/daemon/honest.h"

/* Nobody's, as far as that can be known. */
#define UID_DAEMON 60001u
static const struct actor good = {.name = "honest", .uid = 60010, .gid = 60010};
static const struct actor bad = {.name = "hostile", .uid = 60020, .gid = 60020};

struct options {
	unsigned nturns;
	long turn_msec;
	const char *only; /* this row; NULL: all */
	bool apart;       /* hostile processes have a processor of their own */
};

/* One row: without, elsewhere and with, in turns, so that what else goes on meets all alike. */
struct row {
	struct honest alone, elsewhere, beside;
	atomic_ulong ndone[CREW_NKINDS], nelsewhere[CREW_NKINDS];
};

static struct daemon_process d, other;

/* The processors that we may use: but for the last one, and that one. */
static cpu_set_t ours, theirs;

static void processors_divide(void)
{
	unsigned last = CPU_SETSIZE - 1;

	WIRE_MUST(sched_getaffinity(0, sizeof(ours), &ours) == 0, "sched_getaffinity: %s",
		  strerror(errno));
	WIRE_MUST(CPU_COUNT(&ours) > 1, "there is only one processor: nothing to keep apart");
	while (!CPU_ISSET(last, &ours))
		last--;
	CPU_CLR(last, &ours);
	CPU_SET(last, &theirs);
}

/* What is started from now on runs there. */
static void processors_use(const struct options *o, const cpu_set_t *cpus)
{
	WIRE_MUST(!o->apart || sched_setaffinity(0, sizeof(*cpus), cpus) == 0,
		  "sched_setaffinity: %s", strerror(errno));
}

static void honest_turn(struct honest *h, const struct options *o)
{
	pid_t pid = honest_start(&good, d.path, 1, h);

	wire_sleep_msec(o->turn_msec);
	WIRE_MUST(honest_stop(pid, h), "the honest user was refused something");
}

struct kinds {
	enum crew_kind first, last;
};

/* As an honest_turn(), while the crew is at the daemon of @path. */
static void harmed_turn(struct honest *h, struct kinds k, const char *path, atomic_ulong *ndone,
			const struct options *o)
{
	pid_t pids[CREW_NKINDS];

	processors_use(o, &theirs);
	for (unsigned kind = k.first; kind <= k.last; kind++)
		pids[kind] = crew_start((enum crew_kind)kind, &bad, path, true, &ndone[kind]);
	processors_use(o, &ours);
	honest_turn(h, o);
	for (unsigned kind = k.first; kind <= k.last; kind++)
		crew_stop(pids[kind]);
}

static void row_turn(struct row *row, struct kinds k, const struct options *o)
{
	honest_turn(&row->alone, o);
	harmed_turn(&row->elsewhere, k, other.path, row->nelsewhere, o);
	harmed_turn(&row->beside, k, d.path, row->ndone, o);
}

static void cell_print(const struct hist *h[3], double q)
{
	double alone = hist_quantile(h[0], q) / 1e3, elsewhere = hist_quantile(h[1], q) / 1e3;
	double beside = hist_quantile(h[2], q) / 1e3;

	printf(" %8.1f %8.1f %8.1f %6.2f %6.2f", alone, elsewhere, beside,
	       alone > 0 ? beside / alone : 0, elsewhere > 0 ? beside / elsewhere : 0);
}

static void row_run(const char *name, struct kinds k, const struct options *o)
{
	struct row *row;
	unsigned long ndone = 0;

	if (o->only && strcmp(o->only, name))
		return;
	row = shared_alloc(sizeof(*row));
	for (unsigned i = 0; i < o->nturns; i++)
		row_turn(row, k, o);
	for (unsigned kind = k.first; kind <= k.last; kind++)
		ndone += atomic_load(&row->ndone[kind]);
	printf("%-8s", name);
	for (unsigned i = 0; i < 4; i++)
		cell_print(i < 2 ? (const struct hist *[]){&row->alone.request,
							   &row->elsewhere.request,
							   &row->beside.request}
				 : (const struct hist *[]){&row->alone.connect,
							   &row->elsewhere.connect,
							   &row->beside.connect},
			   i % 2 ? 0.99 : 0.5);
	printf(" %9lu\n", ndone);
	fflush(stdout);
}

static void head_print(void)
{
	printf("in microseconds: alone, with the hostile ones at another daemon, beside them; how "
	       "many "
	       "times that is of the first and of the second\n%-8s",
	       "");
	printf(" %40s %40s %40s %40s %9s\n", "requests, p50",
	       "requests, p99 (goal: 2 of the first)", "new connections, p50",
	       "new connections, p99", "done");
}

static void usage(void)
{
	fputs("usage: bench_hostile [--quick] [--apart] [--only ROW]\n\n"
	      "What an honest user's calls take beside a hostile one's. For root. --quick: to see "
	      "that it runs.\n--only: one row of the table, storm or all, say.\n--apart: the "
	      "hostile ones run on the last processor, the daemon and the honest one on the "
	      "others,\nalone too: then it is the daemon alone that they share.\n",
	      stderr);
	exit(2);
}

static void daemon_begin(struct daemon_process *p, const char *config_path)
{
	daemon_exec(p, (const char *const[]){"--socket", p->path, "--socket-mode", "0666",
					     "--config", config_path, NULL});
	close(wire_connect(p->path));
}

int main(int argc, char **argv)
{
	const struct sched_param idle = {0};
	struct options o = {.nturns = 5, .turn_msec = 2000};
	char config_path[80];

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick"))
			o.nturns = 1, o.turn_msec = 100;
		else if (!strcmp(argv[i], "--apart"))
			o.apart = true;
		else if (!strcmp(argv[i], "--only") && i + 1 < argc)
			o.only = argv[++i];
		else
			usage();
	}
	if (actor_skip(&bad))
		return ACTOR_SKIPPED;
	daemon_place(&d);
	daemon_give(&d, UID_DAEMON);
	snprintf(config_path, sizeof(config_path), "%s/conf", d.dir);
	crew_configure(config_path);
	if (o.apart)
		processors_divide();
	processors_use(&o, &ours);
	daemon_begin(&d, config_path);
	daemon_place(&other);
	daemon_give(&other, UID_DAEMON);
	processors_use(&o, &theirs);
	daemon_begin(&other, config_path);
	processors_use(&o, &ours);
	WIRE_MUST(sched_setscheduler(other.pid, SCHED_IDLE, &idle) == 0, "SCHED_IDLE: %s",
		  strerror(errno));
	head_print();
	for (unsigned kind = 0; kind < CREW_NKINDS; kind++)
		row_run(crew_name((enum crew_kind)kind),
			(struct kinds){(enum crew_kind)kind, (enum crew_kind)kind}, &o);
	row_run("all", (struct kinds){(enum crew_kind)0, CREW_NKINDS - 1}, &o);
	unlink(config_path);
	daemon_stop(&other);
	daemon_stop(&d);
	return 0;
}
