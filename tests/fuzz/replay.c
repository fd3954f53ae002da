/*
 * replay - run a fuzzer's entry without a fuzzer
 *
 * Role:       `PROGRAM [--mutate N] [--seed S] FILE|FOLDER...` tries each file, and then N inputs that are made from them by
 *             changing, cutting and joining at random. Prints the seed; an input that makes the entry abort is left in
 *             the file crash-input.
 * Uses:       fuzz.h
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX 65536u
#define INPUTS_MAX 4096u

struct input {
	uint8_t *data;
	size_t n;
};

static struct input inputs[INPUTS_MAX];
static unsigned ninputs;
static uint8_t work[INPUT_MAX];
static size_t work_n;
static uint64_t rng;

/* splitmix64 */
static uint64_t rng_next(void)
{
	uint64_t z = rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t rng_below(size_t n)
{
	return n ? (size_t)(rng_next() % n) : 0;
}

static void on_abort(int sig)
{
	FILE *f = fopen("crash-input", "wbe");

	(void)sig;
	if (f) {
		fwrite(work, 1, work_n, f);
		fclose(f);
	}
}

/* The entry reads a copy that ends where the input ends, so that a sanitizer sees a read beyond it. */
static void try(void)
{
	uint8_t *copy = malloc(work_n ? work_n : 1);

	if (!copy)
		abort();
	memcpy(copy, work, work_n);
	LLVMFuzzerTestOneInput(copy, work_n);
	free(copy);
}

static void input_read(const char *path)
{
	FILE *f = fopen(path, "rbe");
	struct input *in = &inputs[ninputs];

	if (!f || ninputs == INPUTS_MAX) {
		fprintf(stderr, "%s: %s\n", path, f ? "too many files" : strerror(errno));
		exit(2);
	}
	work_n = fread(work, 1, sizeof(work), f);
	fclose(f);
	in->data = malloc(work_n ? work_n : 1);
	if (!in->data)
		abort();
	memcpy(in->data, work, work_n);
	in->n = work_n;
	ninputs++;
	try();
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void folder_read(const char *path)
{
	struct dirent **entries;
	char file[4096];
	int n = scandir(path, &entries, NULL, by_name);

	if (n < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.') {
			snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
			input_read(file);
		}
		free(entries[i]);
	}
	free(entries);
}

/* One of the inputs, joined with another one half of the time, with up to eight changes. */
static void mutate(void)
{
	const struct input *in = &inputs[rng_below(ninputs)];
	size_t nchanges = rng_below(9);

	memcpy(work, in->data, in->n);
	work_n = in->n;
	if (rng_next() & 1) {
		in = &inputs[rng_below(ninputs)];
		if (in->n <= INPUT_MAX - work_n) {
			memcpy(work + work_n, in->data, in->n);
			work_n += in->n;
		}
	}
	for (; nchanges && work_n; nchanges--) {
		size_t at = rng_below(work_n), n;

		switch (rng_below(4)) {
		case 0:
			work[at] = (uint8_t)rng_next();
			break;
		case 1:
			work[at] ^= (uint8_t)(1u << rng_below(8));
			break;
		case 2: /* take bytes out */
			n = rng_below(work_n - at) % 16;
			memmove(work + at, work + at + n, work_n - at - n);
			work_n -= n;
			break;
		default: /* write a piece twice */
			n = rng_below(work_n - at) % 16;
			if (n <= INPUT_MAX - work_n) {
				memmove(work + at + n, work + at, work_n - at);
				work_n += n;
			}
		}
	}
}

int main(int argc, char **argv)
{
	unsigned long nmutations = 0;
	struct stat st;

	if (getrandom(&rng, sizeof(rng), 0) != sizeof(rng))
		rng = 1;
	signal(SIGABRT, on_abort);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--mutate") && i + 1 < argc)
			nmutations = strtoul(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			rng = strtoull(argv[++i], NULL, 0);
		else if (!stat(argv[i], &st) && S_ISDIR(st.st_mode))
			folder_read(argv[i]);
		else
			input_read(argv[i]);
	}
	if (!ninputs) {
		fprintf(stderr, "usage: %s [--mutate N] [--seed S] FILE|FOLDER...\n", argv[0]);
		return 2;
	}
	printf("%u inputs, %lu made from them, seed %" PRIu64 "\n", ninputs, nmutations, rng);
	fflush(stdout);
	while (nmutations--) {
		mutate();
		try();
	}
	for (unsigned i = 0; i < ninputs; i++)
		free(inputs[i].data);
	return 0;
}
