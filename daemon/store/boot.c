/*
 * boot - which start of the system this is
 *
 * Role:       see boot.h.
 * Uses:       base/
 */
#include "store/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *boot_path = "/proc/sys/kernel/random/boot_id";

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int boot_get(uint8_t ret_boot[BOOT_BYTES])
{
	char text[64];
	uint8_t boot[BOOT_BYTES] = {0};
	unsigned ndigits = 0;
	int fd = open(boot_path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text));
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	/* 32 digits, with dashes between some of them. */
	for (ssize_t i = 0; i < n && ndigits < 2 * BOOT_BYTES; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			continue;
		boot[ndigits / 2] = (uint8_t)(boot[ndigits / 2] << 4 | digit);
		ndigits++;
	}
	if (ndigits < 2 * BOOT_BYTES)
		return -EINVAL;
	memcpy(ret_boot, boot, BOOT_BYTES);
	return 0;
}
