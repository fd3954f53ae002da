/*
 * bench_rpc - alloc+free pairs over the socket, beside echo servers in the same run
 *
 * Role:       options, rounds and the table. See --help for what the figures are.
 * Uses:       server.h, load.h, hist.h
 */
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"
#include "sync.h"
#include "util.h"

#define CELLS_MAX 64
#define ROUNDS_MAX 99

/* Descriptors that this program needs beside its connections, and pallocd beside them as well. */
#define SPARE_DESCRIPTORS 64

struct cell {
	unsigned nconns, depth;
};

/* What one round measured of one server. */
struct sample {
	double rate, p50, p99, p999, cpu; /* requests/s, ns, ns, ns, ns per request */
};

struct options {
	struct cell cells[CELLS_MAX];
	unsigned ncells;
	unsigned rounds;
	double seconds;
	bool tsv;
	bool sync;
	const char *pallocd;
};

static const char help[] =
	"usage: bench_rpc [options]\n"
	"\n"
	"Times pairs of requests (alloc one page, free it) over a Unix socket: against pallocd, "
	"against an echo\n"
	"server on libuv that sends each frame back as it came (echo), and against one that also "
	"unpacks each\n"
	"request and packs a reply with protobuf-c (echo+pb). pallocd runs three times: with a "
	"region that lives as\n"
	"long as the process (pallocd), with one that outlives it (kept: durability=process), and "
	"as "
	"kept, for clients\n"
	"that repeat what was not answered (repeats). All are started by this program, get the "
	"same requests from\n"
	"the same load generator, and take turns, round by round; a ratio is the median of the "
	"rounds' ratios. Server and load generator run on different CPUs where there are two.\n"
	"\n"
	"  --cells LIST     connections x requests in flight on each, \"1x1,8x64\"; default: 1, 8, "
	"64, 512\n"
	"                   connections by 1, 8, 64, 256 requests\n"
	"  --seconds S      measure each server so long in each round (0.2), after a quarter of it "
	"unmeasured\n"
	"  --rounds N       rounds (5)\n"
	"  --sync           instead of the cells: how long a transaction of a region that outlives "
	"the system\n"
	"                   takes (durability=machine, 1 connection, 64 requests in flight), "
	"beside a bare\n"
	"                   write of 16 KiB and fdatasync() in the same folder of $TMPDIR, in "
	"turns\n"
	"  --quick          one short round of 1x1 and 8x8: to see that it runs\n"
	"  --tsv            tabs, for programs\n"
	"  --pallocd FILE   the daemon (the pallocd beside this program)\n"
	"\n"
	"Columns: rate in requests per second (a pair is two), latency of one request in "
	"microseconds at the\n"
	"median, 99 % and 99.9 %, the server's CPU time per request in nanoseconds, and, for "
	"pallocd, rate, median\n"
	"latency and CPU time divided by those of echo and of echo+pb; for kept and repeats also "
	"how many nanoseconds of\n"
	"CPU time a pair costs more than pallocd's.\n";

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Median of @n values; reorders them. */
static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), compare_doubles);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Median over the rounds of the double at byte @offset of a sample, divided by the same of @base where that is given. */
static double over_rounds(const struct sample *s, const struct sample *base, unsigned n,
			  size_t offset)
{
	double v[ROUNDS_MAX];

	for (unsigned i = 0; i < n; i++) {
		v[i] = *(const double *)((const char *)&s[i] + offset);
		if (base)
			v[i] /= *(const double *)((const char *)&base[i] + offset);
	}
	return median(v, n);
}

/* Nanoseconds of CPU time that a pair of requests takes more than with @base: median over the rounds. */
static double pair_cost(const struct sample *s, const struct sample *base, unsigned n)
{
	double v[ROUNDS_MAX];

	for (unsigned i = 0; i < n; i++)
		v[i] = 2 * (s[i].cpu - base[i].cpu);
	return median(v, n);
}

static struct sample measure(const struct server *s, const struct cell *cell, double seconds)
{
	static struct load_result r;
	uint64_t run_ns = (uint64_t)(seconds * 1e9);

	load_run(s, cell->nconns, cell->depth, run_ns / 4, run_ns, &r);
	if (!r.nrequests)
		die("%s answered nothing in %.3f s", server_name(s->kind), seconds);
	return (struct sample){
		.rate = (double)r.nrequests * 1e9 / (double)r.elapsed_ns,
		.p50 = hist_quantile(&r.latency, 0.5),
		.p99 = hist_quantile(&r.latency, 0.99),
		.p999 = hist_quantile(&r.latency, 0.999),
		.cpu = (double)r.server_cpu_ns / (double)r.nrequests,
	};
}

static void print_ratios(const struct sample *s, const struct sample *base, unsigned n, bool tsv)
{
	const char *format = tsv ? "\t%.3f" : " %8.3f";

	printf(format, over_rounds(s, base, n, offsetof(struct sample, rate)));
	printf(format, over_rounds(s, base, n, offsetof(struct sample, p50)));
	printf(format, over_rounds(s, base, n, offsetof(struct sample, cpu)));
}

static void run_cell(const struct options *o, struct server *servers, const struct cell *cell)
{
	static struct sample samples[SERVER_NTURNS][ROUNDS_MAX];
	const char *format = o->tsv ? "%s\t%s\t%.0f\t%.2f\t%.2f\t%.2f\t%.0f"
				    : "%-8s %-8s %9.0f %8.2f %8.2f %8.2f %7.0f";
	unsigned n = o->rounds;
	char name[32];

	snprintf(name, sizeof(name), "%ux%u", cell->nconns, cell->depth);
	for (unsigned r = 0; r < n; r++)
		for (unsigned k = 0; k < SERVER_NTURNS; k++) {
			/* Who begins changes from round to round. */
			unsigned i = (k + r) % SERVER_NTURNS;

			samples[i][r] = measure(&servers[i], cell, o->seconds);
		}
	for (unsigned i = 0; i < SERVER_NTURNS; i++) {
		const struct sample *s = samples[i];

		printf(format, name, server_name(i),
		       over_rounds(s, NULL, n, offsetof(struct sample, rate)),
		       over_rounds(s, NULL, n, offsetof(struct sample, p50)) / 1000,
		       over_rounds(s, NULL, n, offsetof(struct sample, p99)) / 1000,
		       over_rounds(s, NULL, n, offsetof(struct sample, p999)) / 1000,
		       over_rounds(s, NULL, n, offsetof(struct sample, cpu)));
		if (server_is_pallocd(i)) {
			print_ratios(s, samples[SERVER_ECHO], n, o->tsv);
			print_ratios(s, samples[SERVER_ECHO_PROTOBUF], n, o->tsv);
		}
		if (server_is_pallocd(i) && i != SERVER_PALLOCD)
			printf(o->tsv ? "\t%.0f" : " %8.0f",
			       pair_cost(s, samples[SERVER_PALLOCD], n));
		putchar('\n');
	}
	fflush(stdout);
}

static void print_header(const struct options *o)
{
	static const char *const names[] = {"cell",      "server",   "req/s",    "p50 us", "p99 us",
					    "p99.9 us",  "cpu ns",   "rate/e",   "p50/e",  "cpu/e",
					    "rate/e+pb", "p50/e+pb", "cpu/e+pb", "ns/pair"};
	static const int widths[] = {-8, -8, 9, 8, 8, 8, 7, 8, 8, 8, 8, 8, 8, 8};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (o->tsv)
			printf("%s%s", i ? "\t" : "", names[i]);
		else
			printf("%s%*s", i ? " " : "", widths[i], names[i]);
	putchar('\n');
	fflush(stdout);
}

/* "1x1,8x64" */
static void parse_cells(struct options *o, const char *text)
{
	o->ncells = 0;
	while (*text) {
		struct cell cell;
		int used = 0;

		if (sscanf(text, "%ux%u%n", &cell.nconns, &cell.depth, &used) != 2 ||
		    (text[used] && text[used] != ',') || !cell.nconns || !cell.depth ||
		    cell.nconns > LOAD_CONNS_MAX || cell.depth > LOAD_DEPTH_MAX ||
		    o->ncells == CELLS_MAX) {
			fprintf(stderr,
				"bench_rpc: --cells: %s: wanted CONNECTIONSxREQUESTS[,...], at "
				"most %u and %u\n",
				text, LOAD_CONNS_MAX, LOAD_DEPTH_MAX);
			exit(2);
		}
		o->cells[o->ncells++] = cell;
		text += used + (text[used] == ',');
	}
}

static double parse_number(const char *option, const char *text, double low, double high)
{
	char *end;
	double v = strtod(text, &end);

	if (*end || end == text || !(v >= low && v <= high)) {
		fprintf(stderr, "bench_rpc: %s: %s: wanted a number from %g to %g\n", option, text,
			low, high);
		exit(2);
	}
	return v;
}

static void parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"cells", required_argument, NULL, 'c'},
					      {"seconds", required_argument, NULL, 's'},
					      {"rounds", required_argument, NULL, 'r'},
					      {"quick", no_argument, NULL, 'q'},
					      {"tsv", no_argument, NULL, 't'},
					      {"pallocd", required_argument, NULL, 'p'},
					      {"sync", no_argument, NULL, 'S'},
					      {"help", no_argument, NULL, 'h'},
					      {NULL, 0, NULL, 0}};
	int option;

	parse_cells(o, "1x1,1x8,1x64,1x256,8x1,8x8,8x64,8x256,64x1,64x8,64x64,64x256,512x1,512x8,"
		       "512x64,512x256");
	o->rounds = 5;
	o->seconds = 0.2;
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (option) {
		case 'c':
			parse_cells(o, optarg);
			break;
		case 's':
			o->seconds = parse_number("--seconds", optarg, 0.001, 3600);
			break;
		case 'r':
			o->rounds = (unsigned)parse_number("--rounds", optarg, 1, ROUNDS_MAX);
			break;
		case 'q':
			parse_cells(o, "1x1,8x8");
			o->rounds = 1;
			o->seconds = 0.02;
			break;
		case 't':
			o->tsv = true;
			break;
		case 'S':
			o->sync = true;
			break;
		case 'p':
			o->pallocd = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "bench_rpc: unknown argument: %s (see --help)\n", argv[optind]);
		exit(2);
	}
}

/* pallocd beside this program */
static const char *find_pallocd(void)
{
	static char path[PATH_MAX + sizeof("/pallocd")];
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (n < 0)
		die("/proc/self/exe: %s", strerror(errno));
	path[n] = '\0';
	strcat(dirname(path), "/pallocd");
	return path;
}

/* Raise the limit as far as it goes; returns how many connections it allows. The servers inherit it. */
static unsigned descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit: %s", strerror(errno));
	limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
	if (setrlimit(RLIMIT_NOFILE, &limit) && getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit: %s", strerror(errno));
	return limit.rlim_cur > SPARE_DESCRIPTORS ? (unsigned)limit.rlim_cur - SPARE_DESCRIPTORS
						  : 0;
}

int main(int argc, char **argv)
{
	static struct server servers[SERVER_NTURNS];
	struct options o = {0};
	unsigned nconns_max;

	parse_options(argc, argv, &o);
	if (!o.pallocd)
		o.pallocd = find_pallocd();
	nconns_max = descriptors();
	if (o.sync)
		return sync_run(o.pallocd, o.rounds, o.seconds);
	for (unsigned i = 0; i < SERVER_NTURNS; i++)
		server_start(&servers[i], i, o.pallocd);
	if (!pin_client())
		fprintf(stderr,
			"bench_rpc: one CPU for server and load: the figures are of little use\n");
	print_header(&o);
	for (unsigned i = 0; i < o.ncells; i++) {
		if (o.cells[i].nconns <= nconns_max)
			run_cell(&o, servers, &o.cells[i]);
		else
			fprintf(stderr,
				"bench_rpc: %ux%u left out: at most %u descriptors (ulimit -n)\n",
				o.cells[i].nconns, o.cells[i].depth, nconns_max);
	}
	return 0;
}
