/*
 * bench_hostile - what one user's calls take while another user means harm
 *
 * Role:       an honest process by itself, and beside hostile ones of another user: each kind alone, then all at once. Prints both and
 *             what they differ by. The hostile ones run only where the machine has nothing better to do (SCHED_IDLE), so that it is the
 *             daemon's time that they take and not the processor's. For root only.
 * Uses:       tests/e2e/daemon/: daemon.h, crew.h, honest.h
 *
 * The goal: p99 of requests within 2 times of its value alone.
 */
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
};

/* One row: with and without, in turns, so that what else goes on meets both alike. */
struct row {
	struct honest alone, beside;
	atomic_ulong ndone[CREW_NKINDS];
};

static struct daemon_process d;

static void honest_turn(struct honest *h, const struct options *o)
{
	pid_t pid = honest_start(&good, d.path, 1, h);

	wire_sleep_msec(o->turn_msec);
	WIRE_MUST(honest_stop(pid, h), "the honest user was refused something");
}

static void row_turn(struct row *row, enum crew_kind first, enum crew_kind last,
		     const struct options *o)
{
	pid_t pids[CREW_NKINDS];

	honest_turn(&row->alone, o);
	for (unsigned kind = first; kind <= last; kind++)
		pids[kind] = crew_start((enum crew_kind)kind, &bad, d.path, true,
					&row->ndone[kind]);
	honest_turn(&row->beside, o);
	for (unsigned kind = first; kind <= last; kind++)
		crew_stop(pids[kind]);
}

static void cell_print(const struct hist *alone, const struct hist *beside, double q)
{
	double a = hist_quantile(alone, q) / 1e3, b = hist_quantile(beside, q) / 1e3;

	printf(" %9.1f %9.1f %6.2f", a, b, a > 0 ? b / a : 0);
}

static void row_run(const char *name, enum crew_kind first, enum crew_kind last,
		    const struct options *o)
{
	struct row *row;
	unsigned long ndone = 0;

	if (o->only && strcmp(o->only, name))
		return;
	row = shared_alloc(sizeof(*row));
	for (unsigned i = 0; i < o->nturns; i++)
		row_turn(row, first, last, o);
	for (unsigned kind = first; kind <= last; kind++)
		ndone += atomic_load(&row->ndone[kind]);
	printf("%-8s", name);
	cell_print(&row->alone.request, &row->beside.request, 0.5);
	cell_print(&row->alone.request, &row->beside.request, 0.99);
	cell_print(&row->alone.connect, &row->beside.connect, 0.5);
	cell_print(&row->alone.connect, &row->beside.connect, 0.99);
	printf(" %9lu\n", ndone);
	fflush(stdout);
}

static void head_print(void)
{
	printf("in microseconds: alone, beside the hostile ones, and how many times that is\n%-8s",
	       "");
	printf(" %26s %26s %26s %26s %9s\n", "requests, p50", "requests, p99 (goal: 2)",
	       "new connections, p50", "new connections, p99", "done");
}

static void usage(void)
{
	fputs("usage: bench_hostile [--quick] [--only ROW]\n\n"
	      "What an honest user's calls take beside a hostile one's. For root. --quick: to see "
	      "that it runs.\n--only: one row of the table, storm or all, say.\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct options o = {.nturns = 5, .turn_msec = 2000};
	char config_path[80];

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick"))
			o = (struct options){.nturns = 1, .turn_msec = 100, .only = o.only};
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
	daemon_exec(&d, (const char *const[]){"--socket", d.path, "--socket-mode", "0666",
					      "--config", config_path, NULL});
	close(wire_connect(d.path));
	head_print();
	for (unsigned kind = 0; kind < CREW_NKINDS; kind++)
		row_run(crew_name((enum crew_kind)kind), (enum crew_kind)kind, (enum crew_kind)kind,
			&o);
	row_run("all", 0, CREW_NKINDS - 1, &o);
	unlink(config_path);
	daemon_stop(&d);
	return 0;
}
