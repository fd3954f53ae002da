/*
 * pairs - what the examples of event loops have to do
 *
 * Role:       see pairs.h.
 * Uses:       <paclient.h>, as a stranger would
 */
#include "pairs.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

static void taken(struct paclient_call *call);
static void given(struct paclient_call *call);

/* Refused at once is told as what is refused later: the caller has one place for both. */
static void submitted(struct pair *pair, int status)
{
	if (status == PACLIENT_PENDING)
		pair->pairs->nactive++;
	else
		pair->pairs->nfailed++;
}

static void take(struct pair *pair)
{
	struct pairs *p = pair->pairs;

	if (!p->left || p->stopping)
		return;
	p->left--;
	pair->call.done = taken;
	submitted(pair, paclient_alloc(p->client, p->region, 1, 0, &pair->addr, &pair->call));
}

static bool failed(struct pair *pair)
{
	struct pairs *p = pair->pairs;

	p->nactive--;
	if (!pair->call.error.status)
		return false;
	p->nfailed++;
	if (pair->call.error.status != PACLIENT_CANCELLED)
		warnx("%s", pair->call.error.message);
	return true;
}

static void taken(struct paclient_call *call)
{
	struct pair *pair = call->user;
	struct pairs *p = pair->pairs;

	if (failed(pair))
		return;
	/* The struct is ours again: the next call uses it. */
	call->done = given;
	submitted(pair, paclient_free(p->client, p->region, pair->addr, 1, call));
}

static void given(struct paclient_call *call)
{
	struct pair *pair = call->user;

	if (failed(pair))
		return;
	pair->pairs->ndone++;
	take(pair);
}

void pairs_open(struct pairs *p, const char *region, unsigned n, unsigned long total)
{
	struct paclient_call call = PACLIENT_CALL_INIT;

	*p = (struct pairs){.left = total, .n = n, .pair = calloc(n, sizeof(*p->pair))};
	if (!p->pair)
		err(1, NULL);
	if (paclient_open(getenv("PACLIENT_SOCKET"), NULL, &p->client, &call) ||
	    paclient_region_open(p->client, region, &p->region, &call))
		errx(1, "%s", call.error.message);
	for (unsigned i = 0; i < n; i++) {
		p->pair[i].call = (struct paclient_call)PACLIENT_CALL_INIT;
		p->pair[i].call.user = &p->pair[i];
		p->pair[i].pairs = p;
	}
}

void pairs_begin(struct pairs *p)
{
	for (unsigned i = 0; i < p->n; i++)
		take(&p->pair[i]);
}

void pairs_stop(struct pairs *p)
{
	p->stopping = true;
	for (unsigned i = 0; i < p->n; i++)
		(void)paclient_cancel(p->client, &p->pair[i].call);
}

int pairs_close(struct pairs *p)
{
	printf("%lu pairs, %u calls failed, the connection was made anew %llu times\n", p->ndone,
	       p->nfailed, (unsigned long long)paclient_reconnects(p->client));
	paclient_close(p->client);
	free(p->pair);
	return p->nfailed && !p->stopping;
}
