/*
 * async_uv - the library in a loop of libuv's
 *
 * Role:       takes and gives back extents, DEPTH at a time, until there were PAIRS of them, or somebody presses Ctrl-C.
 * Uses:       pairs.h, libuv
 *
 *	async-uv REGION DEPTH PAIRS
 */
#include <err.h>
#include <signal.h>
#include <stdlib.h>

#include <uv.h>

#include "pairs.h"

static struct pairs p;
static uv_poll_t ready;
static uv_signal_t interrupt;

static void on_ready(uv_poll_t *handle, int status, int events)
{
	(void)handle;
	(void)status;
	(void)events;
	(void)paclient_process(p.client); /* what goes wrong is told to each call */
	if (p.nactive)
		return;
	/* Nothing is left to wait for: the loop ends. */
	uv_close((uv_handle_t *)&ready, NULL);
	uv_close((uv_handle_t *)&interrupt, NULL);
}

static void on_interrupt(uv_signal_t *handle, int signal)
{
	(void)handle;
	(void)signal;
	pairs_stop(&p);
}

int main(int argc, char **argv)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	uv_loop_t *loop = uv_default_loop();
	int fd;

	if (argc != 4)
		errx(2, "usage: async-uv REGION DEPTH PAIRS");
	pairs_open(&p, argv[1], (unsigned)atoi(argv[2]), strtoul(argv[3], NULL, 0));
	if (paclient_fd(p.client, &fd, &call))
		errx(1, "%s", call.error.message);
	uv_poll_init(loop, &ready, fd);
	uv_poll_start(&ready, UV_READABLE, on_ready);
	uv_signal_init(loop, &interrupt);
	uv_signal_start(&interrupt, on_interrupt, SIGINT);
	pairs_begin(&p);
	uv_run(loop, UV_RUN_DEFAULT);
	uv_loop_close(loop);
	return pairs_close(&p);
}
