/*
 * bench_cache - what a page costs that comes from a page cache
 *
 * Role:       starts a daemon of its own and times, in nanoseconds: a pair of an alloc and a free of one page from a warm cache, by 1 and 4
 *             threads at once; a page of many that are taken one after the other, with all leases, and given back with all Frees; and the
 *             same by paclient_alloc() and paclient_free(). Prints a table.
 * Uses:       include/paclient.h
 *
 * Each figure is the median over the rounds; the ways take turns in each. With 4 threads it is the time that one of them takes for a
 * pair, in processor time of its own, as there may be fewer processors than threads. The goals: 15 ns a pair, 200 ns a page.
 */
#include <inttypes.h>
#include <paclient.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NTHREADS 4u
#define ROUNDS_MAX 101u

struct options {
	unsigned long npairs, nplain, npages;
	unsigned rounds;
};

static struct paclient_call call = PACLIENT_CALL_INIT;
static char dir[] = "/tmp/bench-cache-XXXXXX";
static char path[sizeof(dir) + 8];
static pid_t daemon_pid;
static paclient *pa;
static uint32_t region;

static void daemon_end(void)
{
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGTERM);
		waitpid(daemon_pid, NULL, 0);
	}
	rmdir(dir);
}

static void __attribute__((format(printf, 1, 2), noreturn)) fail(const char *fmt, ...)
{
	va_list args;

	fputs("bench_cache: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void must(int status, const char *what)
{
	if (status)
		fail("%s: %s", what, call.error.message);
}

/* Nothing is written down: it is the client that is measured. */
static void daemon_begin(void)
{
	struct paclient_options o = PACLIENT_OPTIONS_INIT;

	if (!mkdtemp(dir))
		fail("no folder in /tmp");
	snprintf(path, sizeof(path), "%s/sock", dir);
	atexit(daemon_end);
	daemon_pid = fork();
	if (!daemon_pid) {
		execl(PALLOCD_PATH, PALLOCD_PATH, "--socket", path, "--log-level", "error",
		      "--region", "r,limit=4G,initial=4G,durability=none", (char *)NULL);
		_exit(127);
	}
	o.wait_for_daemon = true;
	call.timeout_ms = 20000;
	must(paclient_open(path, &o, &pa, &call), "no daemon");
	must(paclient_region_open(pa, "r", &region, &call), "no region");
}

static double now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static paclient_cache *cache_begin(uint64_t npages_max)
{
	struct paclient_cache_options o = PACLIENT_CACHE_OPTIONS_INIT;
	paclient_cache *cache;

	o.npages_max = npages_max;
	must(paclient_cache_open(pa, region, &o, &cache, &call), "no cache");
	return cache;
}

struct pairs {
	pthread_t thread;
	pthread_barrier_t *begin;
	paclient_cache *cache;
	unsigned long n;
	double ns;
};

static void *pairs_run(void *arg)
{
	struct pairs *p = arg;
	uint64_t addr;
	int bad = paclient_cache_alloc(p->cache, 1, &addr, NULL) ||
		  paclient_cache_free(p->cache, addr, 1, NULL);
	double begin;

	pthread_barrier_wait(p->begin);
	begin = now_ns(CLOCK_THREAD_CPUTIME_ID);
	for (unsigned long i = 0; i < p->n && !bad; i++)
		bad = paclient_cache_alloc(p->cache, 1, &addr, NULL) ||
		      paclient_cache_free(p->cache, addr, 1, NULL);
	p->ns = (now_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / (double)p->n;
	return bad ? arg : NULL;
}

/* Return: nanoseconds a pair, of the slowest thread. */
static double warm_pairs(unsigned nthreads, unsigned long n)
{
	paclient_cache *cache = cache_begin(0);
	struct pairs p[NTHREADS];
	pthread_barrier_t begin;
	double worst = 0;
	void *bad;

	pthread_barrier_init(&begin, NULL, nthreads);
	for (unsigned i = 0; i < nthreads; i++) {
		p[i] = (struct pairs){.begin = &begin, .cache = cache, .n = n};
		if (pthread_create(&p[i].thread, NULL, pairs_run, &p[i]))
			fail("no thread");
	}
	for (unsigned i = 0; i < nthreads; i++) {
		pthread_join(p[i].thread, &bad);
		if (bad)
			fail("a pair has failed");
		worst = p[i].ns > worst ? p[i].ns : worst;
	}
	pthread_barrier_destroy(&begin);
	must(paclient_cache_close(cache, &call), "close");
	return worst;
}

static double plain_pairs(unsigned long n)
{
	double begin = now_ns(CLOCK_MONOTONIC);
	uint64_t addr;

	for (unsigned long i = 0; i < n; i++) {
		must(paclient_alloc(pa, region, 1, 0, &addr, &call), "alloc");
		must(paclient_free(pa, region, addr, 1, &call), "free");
	}
	return (now_ns(CLOCK_MONOTONIC) - begin) / (double)n;
}

/* All of them one after the other from an empty cache, and back until it is empty. */
static void many_pages(unsigned long n, double *ret_take, double *ret_give)
{
	paclient_cache *cache = cache_begin(PACLIENT_CACHE_DEFAULT_NPAGES);
	uint64_t *addr = calloc(n, sizeof(*addr));
	double begin;

	if (!addr)
		fail("no memory");
	begin = now_ns(CLOCK_MONOTONIC);
	for (unsigned long i = 0; i < n; i++)
		must(paclient_cache_alloc(cache, 1, &addr[i], &call), "take");
	*ret_take = (now_ns(CLOCK_MONOTONIC) - begin) / (double)n;
	begin = now_ns(CLOCK_MONOTONIC);
	for (unsigned long i = 0; i < n; i++)
		must(paclient_cache_free(cache, addr[i], 1, &call), "give");
	must(paclient_cache_close(cache, &call), "close");
	*ret_give = (now_ns(CLOCK_MONOTONIC) - begin) / (double)n;
	free(addr);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

static void bench(const struct options *o)
{
	static double one[ROUNDS_MAX], four[ROUNDS_MAX], plain[ROUNDS_MAX], take[ROUNDS_MAX],
		give[ROUNDS_MAX];

	for (unsigned i = 0; i < o->rounds; i++) {
		one[i] = warm_pairs(1, o->npairs);
		four[i] = warm_pairs(NTHREADS, o->npairs);
		plain[i] = plain_pairs(o->nplain);
		many_pages(o->npages, &take[i], &give[i]);
	}
	printf("a pair of an alloc and a free of one page\n");
	printf("  warm cache, 1 thread    %9.1f ns (goal: 15)\n", median(one, o->rounds));
	printf("  warm cache, 4 threads   %9.1f ns\n", median(four, o->rounds));
	printf("  paclient_alloc, _free   %9.1f ns\n", median(plain, o->rounds));
	printf("a page of %lu, one after the other\n", o->npages);
	printf("  taken, with leases      %9.1f ns (goal: 200)\n", median(take, o->rounds));
	printf("  given back, with Frees  %9.1f ns\n", median(give, o->rounds));
}

static void usage(void)
{
	fputs("usage: bench_cache [--rounds N] [--quick]\n\n"
	      "Times pages from a page cache, beside those of paclient_alloc(). --quick: to see "
	      "that "
	      "it runs.\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct options o = {10000000, 20000, 65536, 5};

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--quick"))
			o = (struct options){10000, 100, 4096, 1};
		else if (!strcmp(argv[i], "--rounds") && i + 1 < argc)
			o.rounds = (unsigned)strtoul(argv[++i], NULL, 0);
		else
			usage();
	}
	if (!o.rounds || o.rounds > ROUNDS_MAX)
		usage();
	daemon_begin();
	bench(&o);
	paclient_close(pa);
	return 0;
}
