/*
 * trace_load - several clients that take and give back at random, some of which die
 *
 * Role:       what the test of `paclient trace` records. `trace_load plain|any REGION SEED [FILE]`; with "any" also placements,
 *             scattered extents, other lengths, detached extents and other owners. Ends when all clients have, and where a file is
 *             named not as long as it is there; what is detached stays.
 * Uses:       <paclient.h>
 */
#include <err.h>
#include <inttypes.h>
#include <paclient.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENTS 6
#define STEPS 400
#define HELD_MAX 64

struct client {
	paclient *pa;
	uint32_t region;
	uint64_t page_bytes;
	uint64_t random;
	bool any;
	size_t n;
	struct paclient_range held[HELD_MAX];
};

static uint64_t draw(struct client *c, uint64_t below)
{
	c->random ^= c->random << 13;
	c->random ^= c->random >> 7;
	c->random ^= c->random << 17;
	return c->random % below;
}

static void take(struct client *c)
{
	struct paclient_placement where = PACLIENT_PLACEMENT_INIT;
	struct paclient_range *to = &c->held[c->n];
	size_t n = 0;

	to->npages = 1 + draw(c, draw(c, 4) ? 8 : 200);
	switch (c->any ? draw(c, 8) : 7) {
	case 0:
		where.strategy = PACLIENT_LAST;
		if (paclient_alloc_placed(c->pa, c->region, 1, &to->npages, 0, &where, &to->addr,
					  NULL))
			return;
		break;
	case 1:
		where.align_npages = 16;
		if (paclient_alloc_placed(c->pa, c->region, 1, &to->npages, PACLIENT_DETACHED,
					  &where, &to->addr, NULL))
			return;
		break;
	case 2:
		if (c->n + 3 > HELD_MAX || paclient_alloc_scattered(c->pa, c->region, to->npages, 3,
								    0, NULL, to, &n, NULL))
			return;
		c->n += n - 1;
		break;
	default:
		if (paclient_alloc(c->pa, c->region, to->npages,
				   c->any && !draw(c, 8) ? PACLIENT_DETACHED : 0, &to->addr, NULL))
			return;
	}
	c->n++;
}

/* All of an extent, its beginning, its end, or something between, which then makes two of it. */
static void give(struct client *c)
{
	struct paclient_range *x = &c->held[draw(c, c->n)], upper;
	uint64_t first = draw(c, 2) ? 0 : draw(c, x->npages);
	uint64_t npages = draw(c, 2) ? x->npages - first : 1 + draw(c, x->npages - first);

	upper.addr = x->addr + (first + npages) * c->page_bytes;
	upper.npages = x->npages - first - npages;
	if (upper.npages && first && c->n == HELD_MAX)
		return;
	if (paclient_free(c->pa, c->region, x->addr + first * c->page_bytes, npages, NULL))
		errx(1, "a free has failed");
	x->npages = first;
	if (upper.npages && first)
		c->held[c->n++] = upper;
	else if (upper.npages)
		*x = upper;
	if (!x->npages)
		*x = c->held[--c->n];
}

/* Another length, or an owner that it never comes back from. */
static void change(struct client *c)
{
	struct paclient_range *x = &c->held[draw(c, c->n)];
	uint64_t more = 1 + draw(c, 4);

	if (draw(c, 2)) {
		if (!paclient_resize(c->pa, c->region, x->addr, x->npages + more, PACLIENT_UPPER,
				     NULL, NULL))
			x->npages += more;
		return;
	}
	if (!paclient_handover_to_user(c->pa, c->region, x->addr, getuid(), NULL, NULL))
		*x = c->held[--c->n];
}

static void client_run(struct client *c, const char *region, uint64_t seed)
{
	struct paclient_region info = {.size = sizeof(info)};

	c->random = seed;
	if (paclient_open(getenv("PACLIENT_SOCKET"), NULL, &c->pa, NULL) ||
	    paclient_region_by_name(c->pa, region, &info, NULL))
		errx(1, "no daemon");
	c->region = info.id;
	c->page_bytes = info.page_size_bytes;
	for (int i = 0; i < STEPS; i++) {
		if (c->n < HELD_MAX && (!c->n || draw(c, 100) < 53))
			take(c);
		else if (c->any && !draw(c, 6))
			change(c);
		else
			give(c);
		if (!draw(c, STEPS))
			raise(SIGKILL);
	}
	/* Half of them end without a word, too. */
	if (draw(c, 2))
		paclient_close(c->pa);
}

int main(int argc, char **argv)
{
	struct client c = {0};
	int failed = 0, status;

	if (argc < 4)
		errx(2, "trace_load plain|any REGION SEED [FILE]");
	c.any = !strcmp(argv[1], "any");
	for (uint64_t i = 1; i <= 2 * CLIENTS || (argc > 4 && !access(argv[4], F_OK)); i++) {
		if (fork() == 0) {
			client_run(&c, argv[2], strtoull(argv[3], NULL, 0) * 1000 + i);
			_exit(0);
		}
		/* So many at once. */
		if (i > CLIENTS && wait(&status) > 0)
			failed |= WIFEXITED(status) && WEXITSTATUS(status);
	}
	while (wait(&status) > 0)
		failed |= WIFEXITED(status) && WEXITSTATUS(status);
	return failed;
}
