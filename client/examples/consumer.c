/*
 * consumer - reads the producer's frames where they lie, and checks every byte
 *
 * Role:       finds the extents by their names, becomes one more holder of each, maps them for reading, follows the newest frame.
 * Uses:       <paclient.h>, as a stranger would
 *
 *	frames-consumer REGION
 *
 * May be killed and started again at any time: it goes on with the frame that is the newest then. Ends when the producer has said that
 * there are no more, or when none has come for ten seconds. Exit code 1 if a byte was wrong.
 */
#include "frames.h"

/* Longer than any pause that a producer makes. */
#define PATIENCE_MS 10000

struct consumer {
	paclient *client;
	uint32_t region;
	uint64_t page_size_bytes;
	const struct ring *ring;
	const struct frame *slots[SLOTS_MAX];
	uint64_t first, last; /* frames that were checked */
	uint64_t nseen, nlate, nwrong;
};

/* The extent is there as long as we are, whatever becomes of the producer. */
static const void *share(struct consumer *c, const char *name)
{
	struct paclient_extent extent = {.size = sizeof(extent)};
	struct paclient_call call = PACLIENT_CALL_INIT;
	void *memory = NULL;

	if (paclient_share_name(c->client, c->region, name, &extent, &call) ||
	    paclient_map(c->client, c->region, extent.addr, extent.npages, 0, &memory, &call))
		fail(name, &call);
	return memory;
}

static void begin(struct consumer *c, const char *region)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	char name[PACLIENT_NAME_BYTES];
	uint64_t nslots;

	if (paclient_open(getenv("PACLIENT_SOCKET"), NULL, &c->client, &call) ||
	    paclient_region_open(c->client, region, &c->region, &call))
		fail(region, &call);
	c->ring = share(c, RING_NAME);
	while (!(nslots = atomic_load(&c->ring->nslots)))
		sleep_ms(1);
	for (uint64_t i = 0; i < nslots && i < SLOTS_MAX; i++)
		c->slots[i] = share(c, slot_name(i, name));
}

static bool frame_sound(const struct frame *f, uint64_t number)
{
	uint64_t sum = 0, nwrong = 0;

	for (uint64_t i = 0; i < FRAME_WORDS; i++) {
		nwrong += f->words[i] != frame_word(number, i);
		sum += f->words[i];
	}
	return f->number == number && f->sum == sum && !nwrong;
}

/* Return: false where the producer has come round before we were done. */
static bool consume(struct consumer *c, uint64_t number)
{
	uint64_t slot = number % atomic_load(&c->ring->nslots);
	bool sound;

	if (atomic_load_explicit(&c->ring->number[slot], memory_order_acquire) != number)
		return false;
	sound = frame_sound(c->slots[slot], number);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&c->ring->number[slot], memory_order_relaxed) != number)
		return false;
	c->nseen++;
	c->nwrong += !sound;
	c->first = c->first ? c->first : number;
	c->last = number;
	printf("consumer: frame %lu %s\n", (unsigned long)number, sound ? "checked" : "WRONG");
	fflush(stdout);
	return true;
}

/* The number of a frame behind @after; @after itself where none will come. */
static uint64_t wait_newer(const struct consumer *c, uint64_t after)
{
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		/* In this order: what came before the end is not missed. */
		bool ended = atomic_load(&c->ring->ended);
		uint64_t newest = atomic_load_explicit(&c->ring->newest, memory_order_acquire);

		if (newest != after || ended)
			return newest;
		sleep_ms(1);
	}
	return after;
}

int main(int argc, char **argv)
{
	struct consumer c = {0};
	uint64_t number, before = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s REGION\n", argv[0]);
		return 2;
	}
	begin(&c, argv[1]);
	while ((number = wait_newer(&c, before)) != before) {
		c.nlate += !consume(&c, number);
		before = number;
	}
	printf("consumer: saw %lu frames from %lu to %lu, %lu too late, %lu wrong\n",
	       (unsigned long)c.nseen, (unsigned long)c.first, (unsigned long)c.last,
	       (unsigned long)c.nlate, (unsigned long)c.nwrong);
	paclient_close(c.client);
	return c.nwrong || !c.nseen ? 1 : 0;
}
