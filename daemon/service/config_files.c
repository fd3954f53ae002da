/*
 * config_files - which files the configuration is
 *
 * Role:       FILE, then FILE.d/NAME.conf, then regions.d/NAME.region beside it, each folder in the order of its names' bytes. Names that begin with a dot or end
 *             otherwise are nobody's; a link to /dev/null is as good as no file.
 * Uses:       base/, service/config.h
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/mem.h"
#include "service/config.h"

#define REGIONS_FOLDER "regions.d"

/* The names of a folder that are of interest. */
struct names {
	char **v;
	size_t n;
};

static void names_deinit(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		mem_free(names->v[i]);
	mem_free(names->v);
}

static void dir_closep(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), nsuffix = strlen(suffix);

	return n > nsuffix && strcmp(name + n - nsuffix, suffix) == 0;
}

static int names_add(struct names *names, const char *name)
{
	char **v = mem_resize(names->v, names->n + 1, sizeof(*v));
	size_t n = strlen(name) + 1;

	if (!v)
		return -ENOMEM;
	names->v = v;
	v[names->n] = mem_alloc(n);
	if (!v[names->n])
		return -ENOMEM;
	memcpy(v[names->n++], name, n);
	return 0;
}

/* A folder that is not there has none. */
static int names_read(const char *folder, const char *suffix, struct names *names)
{
	CLEANUP(dir_closep) DIR *dir = opendir(folder);
	const struct dirent *entry;
	int err = 0;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return config_complain(folder, "cannot be read: %s", strerror(errno));
	errno = 0;
	while (!err && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && ends_with(entry->d_name, suffix))
			err = names_add(names, entry->d_name);
	}
	if (!err && errno)
		return config_complain(folder, "cannot be read: %s", strerror(errno));
	if (names->n)
		qsort(names->v, names->n, sizeof(*names->v), compare);
	return err;
}

static bool is_null_device(FILE *file)
{
	struct stat st;

	return !fstat(fileno(file), &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/* Return: 0, CONFIG_E_BAD, -ENOMEM. @must: else it need not be there. */
static int file_read(struct config *c, const char *path, const char *region, bool must,
		     size_t *nfiles)
{
	FILE *file = fopen(path, "re");
	int err = 0;

	if (!file && !must && errno == ENOENT)
		return 0;
	if (!file)
		return config_complain(path, "cannot be read: %s", strerror(errno));
	++*nfiles;
	if (!is_null_device(file))
		err = config_read(c, file, path, region);
	fclose(file);
	return err;
}

static int folder_read(struct config *c, const char *folder, const char *suffix, bool of_regions,
		       size_t *nfiles)
{
	CLEANUP(names_deinit) struct names names = {0};
	char path[PATH_MAX], region[NAME_MAX + 1];
	int err = names_read(folder, suffix, &names);

	for (size_t i = 0; !err && i < names.n; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", folder, names.v[i]) >= (int)sizeof(path))
			return config_complain(folder, "its files' paths are too long");
		snprintf(region, sizeof(region), "%.*s", (int)(strlen(names.v[i]) - strlen(suffix)),
			 names.v[i]);
		err = file_read(c, path, of_regions ? region : NULL, true, nfiles);
	}
	return err;
}

int config_files_read(struct config *c, const char *path, bool must, size_t *ret_nfiles)
{
	const char *slash = strrchr(path, '/');
	int nfolder = slash ? (int)(slash - path) + 1 : 0;
	char drop_ins[PATH_MAX], regions[PATH_MAX];
	int err;

	*ret_nfiles = 0;
	if (snprintf(drop_ins, sizeof(drop_ins), "%s.d", path) >= (int)sizeof(drop_ins) ||
	    snprintf(regions, sizeof(regions), "%.*s" REGIONS_FOLDER, nfolder, path) >=
		    (int)sizeof(regions))
		return config_complain(path, "the path is too long");
	err = file_read(c, path, NULL, must, ret_nfiles);
	if (!err)
		err = folder_read(c, drop_ins, ".conf", false, ret_nfiles);
	return err ? err : folder_read(c, regions, ".region", true, ret_nfiles);
}
