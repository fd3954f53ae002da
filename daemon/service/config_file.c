/*
 * config_file - the INI file
 *
 * Role:       libinih splits lines into keys and values. It cuts lines at 200 characters and names at 50 without a word, and
 *             counts lines only for its own errors: so the reader that feeds it counts them, refuses what would be cut, and
 *             keeps the section.
 * Uses:       libinih, service/config.h
 */
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "service/config.h"

#define REGION_PREFIX "Region "
#define BLANKS " \t\r\n"

struct reading {
	struct config *config;
	FILE *file;
	const char *name;
	char *line; /* getline(3)'s */
	size_t line_bytes;
	unsigned lineno;
	const char *only; /* the region that the file is about; NULL: anything */
	bool only_seen;
	bool in_daemon;
	bool daemon_seen;
	unsigned daemon_keys;
	size_t region; /* index + 1 of the section's region; 0: not in one */
	int err;
};

static const char *where(const struct reading *r, char buf[static CONFIG_WHERE_BYTES])
{
	snprintf(buf, CONFIG_WHERE_BYTES, "%s:%u", r->name, r->lineno);
	return buf;
}

/* In another file: what follows goes over it. */
static int region_again(struct reading *r, struct config_region *region, const char *at)
{
	if (r->only)
		return config_complain(
			at,
			"region %s is told at %s already: a file of regions.d is all "
			"that there is about its region, so merge the two",
			region->config.name, region->where);
	if (region->nth_file == r->config->nfiles)
		return config_complain(at, "there is a section [Region %s] already: merge the two",
				       region->config.name);
	region->nth_file = r->config->nfiles;
	r->region = (size_t)(region - r->config->regions) + 1;
	return config_region_override(region, at, false);
}

static int region_begin(struct reading *r, const char *name)
{
	struct config_region *region;
	char at[CONFIG_WHERE_BYTES];

	where(r, at);
	if (strlen(name) > REGION_NAME_BYTES_MAX)
		return config_complain(at, "the region's name has %zu characters: %u are possible",
				       strlen(name), REGION_NAME_BYTES_MAX);
	region = config_region_find(r->config, name);
	if (region)
		return region_again(r, region, at);
	if (!config_region_add(r->config, name, at))
		return -ENOMEM;
	r->region = r->config->nregions;
	return 0;
}

/* Of a file of regions.d, whose name says which region it is about. */
static int only_begin(struct reading *r, const char *section)
{
	char at[CONFIG_WHERE_BYTES];

	if (strcmp(section, "Region"))
		return config_complain(where(r, at),
				       "[%s] does not belong here: this file is about region %s "
				       "alone, in one section [Region]",
				       section, r->only);
	if (r->only_seen)
		return config_complain(where(r, at),
				       "there is a section [Region] already: merge the two");
	r->only_seen = true;
	return region_begin(r, r->only);
}

static int section_begin(struct reading *r, const char *section)
{
	const char *name = section + strlen(REGION_PREFIX);
	char at[CONFIG_WHERE_BYTES];

	r->in_daemon = false;
	r->region = 0;
	if (r->only)
		return only_begin(r, section);
	if (strcmp(section, "Daemon") == 0) {
		if (r->daemon_seen)
			return config_complain(
				where(r, at), "there is a section [Daemon] already: merge the two");
		r->daemon_seen = r->in_daemon = true;
		return 0;
	}
	if (strncmp(section, REGION_PREFIX, strlen(REGION_PREFIX)) == 0)
		return region_begin(r, name + strspn(name, BLANKS));
	return config_complain(where(r, at),
			       "there is no section [%s]: use [Daemon] or [Region NAME]", section);
}

/* @p begins with '['. The line is left as it is, for libinih. */
static int section_line(struct reading *r, const char *p)
{
	const char *end = strchr(p, ']'), *after;
	char at[CONFIG_WHERE_BYTES], section[256];
	size_t n;

	if (!end)
		return config_complain(where(r, at), "the section's name is not closed: add ']'");
	after = end + 1 + strspn(end + 1, BLANKS);
	if (*after && !strchr(";#", *after))
		return config_complain(
			where(r, at),
			"something follows the section's name: put it on its own line");
	n = (size_t)(end - p - 1);
	while (n && strchr(BLANKS, p[n]))
		n--;
	snprintf(section, sizeof(section), "%.*s", (int)n, p + 1);
	return section_begin(r, section);
}

static int line_check(struct reading *r, size_t n, size_t max)
{
	char at[CONFIG_WHERE_BYTES];
	const char *p = r->line + strspn(r->line, BLANKS);

	if (strlen(r->line) != n)
		return config_complain(where(r, at),
				       "there is a NUL byte in the line: this is no text");
	/* The last one may lack its end; what is printed of it has one. */
	if (n && r->line[n - 1] != '\n')
		n++;
	if (n > max)
		return config_complain(where(r, at),
				       "the line has %zu characters: %zu are possible", n, max);
	return *p == '[' ? section_line(r, p) : 0;
}

/* libinih's reader, as fgets(3). NULL ends the file, or everything after an error. */
static char *read_line(char *buf, int size, void *stream)
{
	struct reading *r = stream;
	ssize_t n;

	if (r->err)
		return NULL;
	n = getline(&r->line, &r->line_bytes, r->file);
	if (n < 0)
		return NULL;
	r->lineno++;
	r->err = line_check(r, (size_t)n, (size_t)size - 1);
	if (r->err)
		return NULL;
	memcpy(buf, r->line, (size_t)n + 1);
	return buf;
}

/* libinih's handler: 1 to go on. The section is the one that the reader saw, as libinih's may be cut. */
static int take_value(void *user, const char *section, const char *key, const char *value)
{
	struct reading *r = user;
	char at[CONFIG_WHERE_BYTES];

	(void)section;
	where(r, at);
	if (r->err)
		return 0;
	if (r->region)
		r->err = config_region_set(&r->config->regions[r->region - 1], at, key, value,
					   false);
	else if (r->in_daemon)
		r->err = config_daemon_set(r->config, at, key, value, &r->daemon_keys);
	else
		r->err = config_complain(at, "'%s' stands before any section: put it below %s", key,
					 r->only ? "[Region]" : "[Daemon] or [Region NAME]");
	return r->err == 0;
}

int config_read(struct config *c, FILE *file, const char *name, const char *region)
{
	struct reading r = {.config = c, .file = file, .name = name, .only = region};
	char at[CONFIG_WHERE_BYTES];
	int bad_line;

	c->nfiles++;
	/* Indented lines are lines like others, not a continuation of the value before. */
	ini_allow_multiline = false;
	bad_line = ini_parse_stream(read_line, &r, take_value, &r);
	if (!r.err && bad_line > 0) {
		r.lineno = (unsigned)bad_line;
		r.err = config_complain(where(&r, at),
					"this is no Key=Value, no [Section] and no comment");
	}
	if (!r.err && (bad_line < 0 || ferror(file)))
		r.err = config_complain(name, "cannot be read: %s", strerror(errno));
	if (!r.err && region && !r.only_seen)
		r.err = config_complain(
			name, "there is no section [Region] in it: write one, with Limit=, "
			      "or remove the file");
	free(r.line);
	return r.err;
}
