/*
 * fuzz_config - any bytes, as the configuration file
 *
 * Role:       the reader must take or refuse them, and what it took must be freed; what a region was told must be a number
 *             that the region's own check can judge.
 * Uses:       service/, region/, base/
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "fuzz.h"
#include "service/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct config config = {0};
	char why[512];
	FILE *file;
	int err;

	log_open(0); /* complaints are what is expected */
	if (!n)
		return 0;
	/* It is opened for reading only. */
	file = fmemopen((void *)(uintptr_t)data, n, "r");
	if (!file)
		abort();
	err = config_read(&config, file, "fuzz");
	if (err != 0 && err != CONFIG_E_BAD && err != -ENOMEM) {
		fprintf(stderr, "fuzz_config: config_read() gave %d\n", err);
		abort();
	}
	for (size_t i = 0; !err && i < config.nregions; i++) {
		int finish_err = config_region_finish(&config.regions[i]);

		if (finish_err != 0 && finish_err != CONFIG_E_BAD) {
			fprintf(stderr, "fuzz_config: config_region_finish() gave %d\n",
				finish_err);
			abort();
		}
		/* What is refused is refused with a word. */
		if (region_config_check(&config.regions[i].config, why, sizeof(why)) && !why[0]) {
			fprintf(stderr, "fuzz_config: a region is refused without a word\n");
			abort();
		}
	}
	config_deinit(&config);
	fclose(file);
	return 0;
}
