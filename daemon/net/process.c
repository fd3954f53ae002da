/*
 * process - the processes that connections belong to, and their deaths
 *
 * Role:       see process.h.
 * Uses:       base/, libuv
 */
#include "net/process.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* Linux 6.5; the C library's headers may be older. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

struct process {
	uv_poll_t poll;
	struct list in_list;
	struct list conns;
	struct processes *processes;
	pid_t pid;
	ino_t ino; /* of the pidfd: since Linux 6.9 no two processes have the same, before that all have */
	int fd;
};

void processes_init(struct processes *ps, uv_loop_t *loop, void (*on_death)(struct list *link))
{
	*ps = (struct processes){.loop = loop, .on_death = on_death};
	for (size_t i = 0; i < PROCESS_LISTS; i++)
		list_init(&ps->lists[i]);
}

/* A pidfd can be read from when the process has ended. */
static bool pidfd_dead(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/*
 * The process that has connected, not one that has got its number since; kernels that cannot say that are asked by number. One that
 * has ended, and been waited for, has no pidfd in most kernels: ESRCH, or EINVAL in older ones.
 *
 * Return: 0, PROCESS_E_DEAD, or a negative errno.
 */
static int pidfd_get(int fd, pid_t pid, int *ret_pidfd)
{
	socklen_t size = sizeof(*ret_pidfd);
	int pidfd;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) {
		*ret_pidfd = pidfd;
		return 0;
	}
	if (errno == ENOPROTOOPT && pid > 0) {
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd >= 0) {
			*ret_pidfd = pidfd;
			return 0;
		}
	}
	return errno == ESRCH || errno == EINVAL ? PROCESS_E_DEAD : -errno;
}

static void complain(struct processes *ps, int err)
{
	if (ps->complained)
		return;
	ps->complained = true;
	log_event(LOG_LEVEL_WARNING, LOG_ID_DEATHS_UNWATCHED, LOG_FIELDS(ABOUT_ERRNO(-err)),
		  "the death of processes cannot be watched: %s; sessions end when their socket "
		  "is closed by all who hold it",
		  strerror(-err));
}

static void on_closed(uv_handle_t *handle)
{
	mem_free(CONTAINER_OF((uv_poll_t *)handle, struct process, poll));
}

static void process_close(struct process *p)
{
	if (uv_is_closing((uv_handle_t *)&p->poll))
		return;
	list_remove(&p->in_list);
	uv_close((uv_handle_t *)&p->poll, on_closed);
	close(p->fd);
}

static void on_exit_seen(uv_poll_t *poll, int status, int events)
{
	struct process *p = CONTAINER_OF(poll, struct process, poll);

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	/* The last one takes the process with it. */
	list_for_each (link, &p->conns)
		p->processes->on_death(link);
}

static struct list *list_of(struct processes *ps, pid_t pid)
{
	return &ps->lists[(unsigned)pid % PROCESS_LISTS];
}

/*
 * The process in the table that @pidfd stands for too. Kernels whose pidfds all look alike may have given the number of one that is
 * dead, which the loop has not noticed yet, to another one. Those of other namespaces have no number here, and share nothing.
 */
static struct process *process_find(struct processes *ps, pid_t pid, ino_t ino)
{
	list_for_each (link, list_of(ps, pid)) {
		struct process *p = list_entry(link, struct process, in_list);

		if (pid > 0 && p->pid == pid && p->ino == ino && !pidfd_dead(p->fd))
			return p;
	}
	return NULL;
}

/* Takes @pidfd over on 0. */
static int process_new(struct processes *ps, pid_t pid, ino_t ino, int pidfd,
		       struct process **ret_process)
{
	struct process *p = mem_zalloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->processes = ps;
	p->pid = pid;
	p->ino = ino;
	p->fd = pidfd;
	list_init(&p->conns);
	err = uv_poll_init(ps->loop, &p->poll, pidfd);
	if (err) {
		/* No handle came to be. */
		mem_free(p);
		return err;
	}
	err = uv_poll_start(&p->poll, UV_READABLE, on_exit_seen);
	assert(!err);
	list_push(list_of(ps, pid), &p->in_list);
	*ret_process = p;
	return 0;
}

/* The process of @pidfd, which is taken over on 0. */
static int process_get(struct processes *ps, pid_t pid, int pidfd, struct process **ret_process)
{
	struct process *p;
	struct stat st;

	if (fstat(pidfd, &st) < 0)
		return -errno;
	p = process_find(ps, pid, st.st_ino);
	if (!p)
		return process_new(ps, pid, st.st_ino, pidfd, ret_process);
	close(pidfd);
	*ret_process = p;
	return 0;
}

int process_join(struct processes *ps, int fd, pid_t pid, struct list *link,
		 struct process **ret_process)
{
	struct process *p = NULL;
	int pidfd = -1, err;

	err = pidfd_get(fd, pid, &pidfd);
	if (!err) {
		err = pidfd_dead(pidfd) ? PROCESS_E_DEAD : process_get(ps, pid, pidfd, &p);
		if (err)
			close(pidfd);
	}
	if (err > 0 || err == -ENOMEM)
		return err;
	if (err)
		complain(ps, err);
	else
		list_push(&p->conns, link);
	*ret_process = p;
	return 0;
}

void process_leave(struct process *p, struct list *link)
{
	if (!p)
		return;
	list_remove(link);
	if (list_empty(&p->conns))
		process_close(p);
}
