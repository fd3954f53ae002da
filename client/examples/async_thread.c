/*
 * async_thread - a thread that processes, and others that submit
 *
 * Role:       DEPTH calls in flight from two threads, PAIRS extents in all, which are taken out of a queue when they are over.
 * Uses:       <paclient.h>, as a stranger would
 *
 *	async-thread REGION DEPTH PAIRS
 */
#include <err.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <paclient.h>

/* One extent: its alloc, then its free. */
struct item {
	struct paclient_call call;
	uint64_t addr;
	bool taken; /* the call is the free */
};

static paclient *client;
static uint32_t region;
static unsigned long npairs;
static sem_t room; /* so many items may still be begun */
static _Atomic unsigned long begun, over;
static _Atomic unsigned nfailed;

/* Makes work. */
static void *submitter(void *arg)
{
	(void)arg;
	while (begun++ < npairs) {
		struct item *item = calloc(1, sizeof(*item));

		if (!item)
			err(1, NULL);
		sem_wait(&room);
		item->call = (struct paclient_call)PACLIENT_CALL_INIT;
		item->call.done = paclient_queued;
		item->call.user = item;
		if (paclient_alloc(client, region, 1, 0, &item->addr, &item->call) !=
		    PACLIENT_PENDING)
			errx(1, "%s", item->call.error.message);
	}
	return NULL;
}

static void item_over(struct item *item)
{
	if (item->call.error.status) {
		warnx("%s", item->call.error.message);
		nfailed++;
	} else if (!item->taken) {
		item->taken = true;
		if (paclient_free(client, region, item->addr, 1, &item->call) != PACLIENT_PENDING)
			errx(1, "%s", item->call.error.message);
		return;
	}
	free(item);
	over++;
	sem_post(&room);
}

/* Moves all of it. */
static void *processor(void *arg)
{
	struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};
	struct paclient_call *call;

	while (over < npairs) {
		poll(&p, 1, -1);
		(void)paclient_process(client);
		while ((call = paclient_next(client)))
			item_over(call->user);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	pthread_t submitters[2], processors[1];
	int fd;

	if (argc != 4)
		errx(2, "usage: async-thread REGION DEPTH PAIRS");
	npairs = strtoul(argv[3], NULL, 0);
	sem_init(&room, 0, (unsigned)atoi(argv[2]));
	if (paclient_open(getenv("PACLIENT_SOCKET"), NULL, &client, &call) ||
	    paclient_region_open(client, argv[1], &region, &call) ||
	    paclient_fd(client, &fd, &call))
		errx(1, "%s", call.error.message);
	pthread_create(&processors[0], NULL, processor, &fd);
	for (int i = 0; i < 2; i++)
		pthread_create(&submitters[i], NULL, submitter, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(submitters[i], NULL);
	pthread_join(processors[0], NULL);
	printf("%lu pairs, %u calls failed, the connection was made anew %llu times\n", over,
	       nfailed, (unsigned long long)paclient_reconnects(client));
	paclient_close(client);
	return nfailed != 0;
}
