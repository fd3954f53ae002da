/*
 * async_epoll - the library in a loop of one's own, by epoll(7)
 *
 * Role:       takes and gives back extents, DEPTH at a time, until there were PAIRS of them, or somebody presses Ctrl-C.
 * Uses:       pairs.h
 *
 *	async-epoll REGION DEPTH PAIRS
 */
#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "pairs.h"

static int interrupts(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void add(int epoll, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e))
		err(1, "epoll");
}

int main(int argc, char **argv)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	int epoll = epoll_create1(EPOLL_CLOEXEC), interrupt = interrupts(), fd;
	struct signalfd_siginfo info;
	struct epoll_event e;
	struct pairs p;

	if (argc != 4)
		errx(2, "usage: async-epoll REGION DEPTH PAIRS");
	pairs_open(&p, argv[1], (unsigned)atoi(argv[2]), strtoul(argv[3], NULL, 0));
	/* Once: it stays the same whatever becomes of the connection. */
	if (paclient_fd(p.client, &fd, &call))
		errx(1, "%s", call.error.message);
	add(epoll, fd);
	add(epoll, interrupt);
	pairs_begin(&p);
	while (p.nactive) {
		if (epoll_wait(epoll, &e, 1, -1) < 1)
			continue;
		if (e.data.fd == fd)
			(void)paclient_process(p.client); /* what goes wrong is told to each call */
		else if (read(interrupt, &info, sizeof(info)) == sizeof(info))
			pairs_stop(&p);
	}
	return pairs_close(&p);
}
