/*
 * fixture - a configuration from memory, and what is said about it
 *
 * Role:       shared by the tests of service/.
 * Uses:       service/, check
 */
#ifndef PALLOCD_TESTS_SERVICE_FIXTURE_H
#define PALLOCD_TESTS_SERVICE_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/config.h"

/* What the log says from here on goes to a file; log_text() reads it. */
static FILE *log_file;

static inline void log_capture(void)
{
	log_file = tmpfile();
	ck_assert_ptr_nonnull(log_file);
	ck_assert_int_eq(dup2(fileno(log_file), STDERR_FILENO), STDERR_FILENO);
	log_open(LOG_LEVEL_INFO);
}

static inline const char *log_text(void)
{
	static char text[8192];
	size_t n;

	rewind(log_file);
	n = fread(text, 1, sizeof(text) - 1, log_file);
	text[n] = '\0';
	return text;
}

/* As config_load() does it with --config, from memory. */
static inline int load(struct config *c, const char *text, size_t n, const char **regions,
		       size_t nregions)
{
	struct options o = {.regions = regions, .nregions = nregions};
	char path[] = "/tmp/pallocd-config-XXXXXX";
	int fd = mkstemp(path), err;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
	close(fd);
	o.config = path;
	err = config_load(c, &o);
	unlink(path);
	return err;
}

#define L "Limit=1M\n"
/* The line that must be named, and a part of the complaint. */
struct bad_case {
	const char *text;
	int line; /* 0: none */
	const char *says;
};

static inline void assert_bad(const struct bad_case *b)
{
	struct config c;
	char line[32];

	log_capture();
	ck_assert_int_eq(load(&c, b->text, strlen(b->text), NULL, 0), CONFIG_E_BAD);
	config_deinit(&c);
	snprintf(line, sizeof(line), ":%d: ", b->line);
	ck_assert_msg(strstr(log_text(), b->says), "wanted '%s', got '%s'", b->says, log_text());
	ck_assert_msg(!b->line || strstr(log_text(), line), "wanted line %d, got '%s'", b->line,
		      log_text());
	ck_assert_msg(strchr(log_text(), '\n') == strrchr(log_text(), '\n'), "more than a line: %s",
		      log_text());
}

/* One or two of --region, and a part of the complaint. */
struct bad_option {
	const char *first, *second, *says;
};

static inline void assert_bad_option(const struct bad_option *b)
{
	const char *regions[] = {b->first, b->second};
	struct options o = {.regions = regions, .nregions = regions[1] ? 2 : 1};
	struct config c;

	log_capture();
	ck_assert_int_eq(config_load(&c, &o), CONFIG_E_BAD);
	config_deinit(&c);
	ck_assert_msg(strstr(log_text(), b->says), "wanted '%s', got '%s'", b->says, log_text());
	ck_assert_msg(strstr(log_text(), "--region "), "%s", log_text());
}

#endif
