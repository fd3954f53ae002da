/*
 * producer - writes frames of 4 MiB into a region's memory, for who wants to read them
 *
 * Role:       takes extents by name, maps them, fills one after the other; waits for nobody.
 * Uses:       <paclient.h>, as a stranger would
 *
 *	frames-producer REGION NFRAMES [INTERVAL_MS [NSLOTS]]
 *
 * The daemon's socket is that of PACLIENT_SOCKET, else the system's. What it has taken goes back when it ends, except for what
 * consumers share by then: that stays until the last of them has ended.
 */
#include "frames.h"

struct producer {
	paclient *client;
	uint32_t region;
	uint64_t page_size_bytes;
	uint64_t nslots;
	struct ring *ring;
	struct frame *slots[SLOTS_MAX];
};

/* An extent with memory behind it: nobody gets SIGBUS later on. */
static void *take(struct producer *p, const char *name, size_t nbytes)
{
	struct paclient_alloc_options options = PACLIENT_ALLOC_OPTIONS_INIT;
	struct paclient_call call = PACLIENT_CALL_INIT;
	uint64_t npages = pages_for(nbytes, p->page_size_bytes), addr;
	void *memory = NULL;

	options.name = name;
	options.label = "example";
	options.commit = PACLIENT_COMMIT_NOW;
	options.zero = true;
	if (paclient_alloc_with(p->client, p->region, 1, &npages, &options, &addr, &call) ||
	    paclient_map(p->client, p->region, addr, npages, PACLIENT_WRITE, &memory, &call))
		fail(name, &call);
	return memory;
}

static void begin(struct producer *p, const char *region)
{
	struct paclient_call call = PACLIENT_CALL_INIT;
	struct paclient_region r = {.size = sizeof(r)};
	char name[PACLIENT_NAME_BYTES];

	if (paclient_open(getenv("PACLIENT_SOCKET"), NULL, &p->client, &call) ||
	    paclient_region_by_name(p->client, region, &r, &call))
		fail(region, &call);
	p->region = r.id;
	p->page_size_bytes = r.page_size_bytes;
	p->ring = take(p, RING_NAME, sizeof(*p->ring));
	for (uint64_t i = 0; i < p->nslots; i++)
		p->slots[i] = take(p, slot_name(i, name), sizeof(*p->slots[i]));
	atomic_store(&p->ring->nslots, p->nslots);
}

static void produce(struct producer *p, uint64_t number)
{
	uint64_t slot = number % p->nslots, sum = 0;
	struct frame *f = p->slots[slot];

	/* Whoever sees a byte of what follows sees this, too. */
	atomic_store_explicit(&p->ring->number[slot], 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	f->number = number;
	for (uint64_t i = 0; i < FRAME_WORDS; i++) {
		f->words[i] = frame_word(number, i);
		sum += f->words[i];
	}
	f->sum = sum;
	atomic_store_explicit(&p->ring->number[slot], number, memory_order_release);
	atomic_store_explicit(&p->ring->newest, number, memory_order_release);
}

int main(int argc, char **argv)
{
	struct producer p = {.nslots = 4};
	unsigned long nframes, interval_ms;

	if (argc < 3 || argc > 5) {
		fprintf(stderr, "usage: %s REGION NFRAMES [INTERVAL_MS [NSLOTS]]\n", argv[0]);
		return 2;
	}
	nframes = number_arg("NFRAMES", argv[2], 1000000);
	interval_ms = argc > 3 ? number_arg("INTERVAL_MS", argv[3], 60000) : 10;
	if (argc > 4)
		p.nslots = number_arg("NSLOTS", argv[4], SLOTS_MAX);
	begin(&p, argv[1]);
	printf("producer: %lu frames of 4 MiB into %u slots\n", nframes, (unsigned)p.nslots);
	fflush(stdout);
	for (uint64_t number = 1; number <= nframes; number++) {
		produce(&p, number);
		sleep_ms(interval_ms);
	}
	atomic_store(&p.ring->ended, 1);
	printf("producer: done\n");
	paclient_close(p.client);
	return 0;
}
