/*
 * trace_state - the file by which a recording is found
 *
 * Role:       see trace.h. The lock says whether the recorder lives: whatever ends it, the lock ends with it.
 * Uses:       trace.h
 */
#include "client/cli/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACE_MAGIC 0x50415431u /* another layout has another one */

/* Of how many recordings that end while we begin one of the same name we take the place. */
#define TRIES 100

/* A folder that nobody else can write to. Return: 0, negative errno. */
static int dir_make(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) && errno != EEXIST)
		return -errno;
	if (lstat(path, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return st.st_uid == geteuid() && !(st.st_mode & 022) ? 0 : -EPERM;
}

int trace_dir(const struct cli *cli, char to[PATH_MAX])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int err, n;

	if (runtime && runtime[0] == '/')
		n = snprintf(to, PATH_MAX, "%s/paclient", runtime);
	else
		n = snprintf(to, PATH_MAX, "/tmp/paclient-%u", (unsigned)geteuid());
	if (n >= PATH_MAX)
		return system_error(cli, "XDG_RUNTIME_DIR is too long");
	err = dir_make(to);
	if (err)
		return system_error(cli, "%s must be a folder that only you can write to: %s", to,
				    strerror(-err));
	return 0;
}

int trace_name_check(const struct cli *cli, const char *name)
{
	if (strlen(name) >= TRACE_NAME_BYTES || strchr(name, '/') || name[0] == '.')
		return usage_error(cli,
				   "\"%s\" cannot be the name of a recording: 1 to 63 bytes, "
				   "no /, and no . at its beginning",
				   name);
	return 0;
}

static int map(struct trace *t)
{
	void *p = mmap(NULL, sizeof(*t->state), PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	t->state = p;
	return 0;
}

void trace_close(struct trace *t)
{
	if (t->state)
		munmap(t->state, sizeof(*t->state));
	if (t->fd >= 0)
		close(t->fd);
	t->state = NULL;
	t->fd = -1;
}

static int file_open(const char *dir, const char *name, int flags, struct trace *ret)
{
	if (snprintf(ret->path, sizeof(ret->path), "%s/trace-%s", dir, name) >=
	    (int)sizeof(ret->path))
		return -ENAMETOOLONG;
	ret->fd = open(ret->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	return ret->fd < 0 ? -errno : 0;
}

/* Is what is open what is there under this name? */
static bool is_there(const struct trace *t)
{
	struct stat ours, there;

	return !fstat(t->fd, &ours) && !lstat(t->path, &there) && ours.st_ino == there.st_ino &&
	       ours.st_dev == there.st_dev;
}

/* The lock is of the open file: a forked child has it, too, and who looks at it does not take it. */
static int lock(const struct trace *t)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(t->fd, F_OFD_SETLK, &all) ? -errno : 0;
}

/*
 * A file of its own: others may have mapped the one of a recording that is over. Return: 0, -EBUSY where a recorder has it,
 * negative errno.
 */
static int lock_new(const char *dir, const char *name, struct trace *ret)
{
	struct stat st;
	int err;

	for (int i = 0; i < TRIES; i++) {
		err = file_open(dir, name, O_CREAT, ret);
		if (err)
			return err;
		err = lock(ret);
		if (err)
			return err == -EAGAIN || err == -EACCES ? -EBUSY : err;
		if (fstat(ret->fd, &st))
			return -errno;
		if (is_there(ret) && !st.st_size)
			return 0;
		trace_forget(ret);
		trace_close(ret);
	}
	return -EBUSY;
}

int trace_begin(const struct cli *cli, const char *name, struct trace *ret)
{
	char dir[PATH_MAX];
	int err = trace_dir(cli, dir);

	*ret = (struct trace){.fd = -1, .running = true};
	if (err)
		return err;
	err = lock_new(dir, name, ret);
	if (!err && ftruncate(ret->fd, sizeof(*ret->state)))
		err = -errno;
	if (!err)
		err = map(ret);
	if (!err) {
		ret->state->pid = getpid();
		snprintf(ret->state->name, sizeof(ret->state->name), "%s", name);
		__atomic_store_n(&ret->state->magic, TRACE_MAGIC, __ATOMIC_RELEASE);
		return 0;
	}
	trace_close(ret);
	if (err == -EBUSY)
		return usage_error(cli,
				   "a recording \"%s\" runs already: `paclient trace stop "
				   "--name %s` ends it, --name gives this one another name",
				   name, name);
	return system_error(cli, "%s: %s", ret->path, strerror(-err));
}

int trace_open(const char *dir, const char *name, struct trace *ret)
{
	struct stat st;
	int err;

	*ret = (struct trace){.fd = -1};
	err = file_open(dir, name, 0, ret);
	if (!err && fstat(ret->fd, &st))
		err = -errno;
	/* One that is just being made, or another version's, is not there. */
	if (!err && st.st_size != sizeof(*ret->state))
		err = -ENOENT;
	if (!err)
		err = map(ret);
	if (!err && __atomic_load_n(&ret->state->magic, __ATOMIC_ACQUIRE) != TRACE_MAGIC)
		err = -ENOENT;
	if (err) {
		trace_close(ret);
		return err;
	}
	ret->running = !trace_gone(ret);
	return 0;
}

bool trace_gone(const struct trace *t)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return !fcntl(t->fd, F_OFD_GETLK, &all) && all.l_type == F_UNLCK;
}

void trace_forget(const struct trace *t)
{
	/* Not what another recorder has made of it meanwhile. */
	if (!lock(t) && is_there(t))
		unlink(t->path);
}
