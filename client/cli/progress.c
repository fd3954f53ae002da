/*
 * progress - a bar on standard error while something takes long
 *
 * Role:       see progress.h.
 * Uses:       libc
 */
#include "client/cli/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000L

/* What is shorter needs no bar. */
#define FIRST_NSEC NSEC_PER_SEC

/* As often as eyes want it. */
#define NEXT_NSEC (NSEC_PER_SEC / 10)

#define BAR_WIDTH 40

/* Beside the bar: its name, brackets, percents and time. */
#define REST_WIDTH 34

static int bar_width(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) || !w.ws_col || w.ws_col >= BAR_WIDTH + REST_WIDTH)
		return BAR_WIDTH;
	return w.ws_col > REST_WIDTH ? w.ws_col - REST_WIDTH : 0;
}

static void line_show(const struct progress *p, uint64_t seconds)
{
	static const char full[BAR_WIDTH + 1] = "########################################";
	uint64_t all = atomic_load_explicit(&p->all, memory_order_relaxed),
		 done = atomic_load_explicit(&p->done, memory_order_relaxed);
	char line[128];
	int n, width = bar_width(), filled;

	if (done > all)
		done = all;
	filled = all ? (int)((double)done / (double)all * width) : 0;
	if (all)
		n = snprintf(line, sizeof(line), "\r%.16s [%.*s%*s] %3d%% %" PRIu64 "s\033[K",
			     p->what, filled, full, width - filled, "",
			     (int)((double)done / (double)all * 100), seconds);
	else
		n = snprintf(line, sizeof(line), "\r%.16s ... %" PRIu64 "s\033[K", p->what,
			     seconds);
	/* What is in the way of it is no reason to stop. */
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

static void later(struct timespec *t, long nsec)
{
	t->tv_nsec += nsec;
	t->tv_sec += t->tv_nsec / NSEC_PER_SEC;
	t->tv_nsec %= NSEC_PER_SEC;
}

static void *show(void *arg)
{
	struct progress *p = arg;
	struct timespec at;
	bool shown = false;
	time_t began;

	clock_gettime(CLOCK_MONOTONIC, &at);
	began = at.tv_sec;
	later(&at, FIRST_NSEC);
	pthread_mutex_lock(&p->lock);
	while (!p->over) {
		if (pthread_cond_timedwait(&p->ends, &p->lock, &at) != ETIMEDOUT)
			continue;
		line_show(p, (uint64_t)(at.tv_sec - began));
		shown = true;
		later(&at, NEXT_NSEC);
	}
	pthread_mutex_unlock(&p->lock);
	if (shown && write(STDERR_FILENO, "\r\033[K", 4) < 0)
		return NULL;
	return NULL;
}

/* Signals are for the thread that works. */
static bool thread_start(struct progress *p)
{
	pthread_condattr_t attr;
	sigset_t all, before;
	int err;

	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->ends, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&p->thread, NULL, show, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return !err;
}

void progress_begin(struct progress *p, const struct cli *cli, const char *what)
{
	p->what = what;
	p->over = false;
	progress_set(p, 0, 0);
	p->shows = !cli->no_progress && isatty(STDERR_FILENO) && thread_start(p);
}

void progress_end(struct progress *p)
{
	if (!p->shows)
		return;
	pthread_mutex_lock(&p->lock);
	p->over = true;
	pthread_cond_signal(&p->ends);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->ends);
	pthread_mutex_destroy(&p->lock);
	p->shows = false;
}
