/*
 * fuzz_config - any bytes, as the files of the configuration
 *
 * Role:       the reader must take or refuse them, and what it took must be freed; what a region was told must be a number
 *             that the region's own check can judge. Lines that are "%%" part the files: the first, one that goes over it, and one of
 *             regions.d. What is printed of a configuration that is taken must be taken too.
 * Uses:       service/, region/, base/
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "fuzz.h"
#include "service/config.h"

#define PART "\n%%\n"
#define FILES_MAX 3

static void must_not(const char *what, int outcome)
{
	fprintf(stderr, "fuzz_config: %s gave %d\n", what, outcome);
	abort();
}

static int outcome_check(const char *what, int err)
{
	if (err != 0 && err != CONFIG_E_BAD && err != -ENOMEM)
		must_not(what, err);
	return err;
}

static int file_read(struct config *c, const void *data, size_t n, const char *region)
{
	/* It is opened for reading only; and one cannot be empty. */
	FILE *file = n ? fmemopen((void *)(uintptr_t)data, n, "r") : NULL;
	int err;

	if (!n)
		return 0;
	if (!file)
		abort();
	err = outcome_check("config_read()", config_read(c, file, "fuzz", region));
	fclose(file);
	return err;
}

static int files_read(struct config *c, const uint8_t *data, size_t n)
{
	int err = 0;

	for (int i = 0; !err && i < FILES_MAX; i++) {
		const uint8_t *end = i + 1 < FILES_MAX ? memmem(data, n, PART, strlen(PART)) : NULL;
		size_t nfile = end ? (size_t)(end - data) + 1 : n;
		size_t nused = end ? nfile - 1 + strlen(PART) : n;

		err = file_read(c, data, nfile, i == 2 ? "own" : NULL);
		data += nused;
		n -= nused;
	}
	return err;
}

/* What is refused is refused with a word. */
static int finish(struct config *c)
{
	char why[512] = "";
	int err = 0;

	for (size_t i = 0; !err && i < c->nregions; i++) {
		err = outcome_check("config_region_finish()", config_region_finish(&c->regions[i]));
		if (region_config_check(&c->regions[i].config, why, sizeof(why)) && !why[0])
			must_not("region_config_check(), without a word,", REGION_E_CONFIG);
	}
	return err;
}

static void print_and_read(const struct config *c)
{
	struct config again = {0};
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	int err;

	if (!out || config_print(c, out))
		abort();
	fclose(out);
	err = file_read(&again, text, n, NULL);
	if (!err)
		err = finish(&again);
	if (err == CONFIG_E_BAD) {
		fputs(text, stderr);
		must_not("reading what was printed", err);
	}
	if (again.nregions != c->nregions)
		must_not("what was printed has another number of regions:", (int)again.nregions);
	config_deinit(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct config config = {0};
	int err;

	log_open(0); /* complaints are what is expected */
	err = files_read(&config, data, n);
	if (!err)
		err = finish(&config);
	if (!err)
		print_and_read(&config);
	config_deinit(&config);
	return 0;
}
