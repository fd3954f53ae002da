/*
 * handle - open and close
 *
 * Role:       makes a handle, says Hello, takes it apart; what the handle knows of the daemon.
 * Uses:       call, conn, error
 */
#include "client/lib/handle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/lib/call.h"
#include "client/lib/conn.h"
#include "client/lib/late.h"

bool handle_is_ours(const struct paclient *c)
{
	return c->ours ? *c->ours : c->pid == getpid();
}

/*
 * One mapping: a page that the kernel wipes in a forked child, so that finding out costs no system
 * call, and the handle behind it. Memory of its buffers that is never used is never there.
 */
static struct paclient *handle_new(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t nbytes = page + sizeof(struct paclient);
	unsigned char *map;
	struct paclient *c;

	map = mmap(NULL, nbytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	c = (struct paclient *)(void *)(map + page);
	c->map_bytes = nbytes;
	c->fd = -1;
	c->pid = getpid();
	if (madvise(map, page, MADV_WIPEONFORK) == 0) {
		map[0] = 1;
		c->ours = map;
	}
	pthread_mutex_init(&c->lock, NULL);
	ring_init(&c->flight);
	ring_init(&c->sleepers);
	ring_init(&c->lates);
	c->frame_bytes_max = PALLOCD_FRAME_BYTES_MAX;
	c->batch_max = PALLOCD_BATCH_EXTENTS_MAX;
	return c;
}

/* In a forked child nothing is touched but the child's own copies: the lock may be held there for ever. */
static void handle_free(struct paclient *c)
{
	bool ours = handle_is_ours(c);

	if (c->fd >= 0)
		close(c->fd);
	late_forget(c);
	if (ours)
		pthread_mutex_destroy(&c->lock);
	munmap((char *)c - (c->map_bytes - sizeof(*c)), c->map_bytes);
}

void paclient_close(paclient *client)
{
	if (client)
		handle_free(client);
}

/* What a program built against a newer header asks for beyond our fields we cannot do. */
static int options_read(struct paclient_error *e, const struct paclient_options *from,
			struct paclient_options *to)
{
	*to = (struct paclient_options)PACLIENT_OPTIONS_INIT;
	if (from && call_struct(e, "options", from, to, sizeof(*to)))
		return PACLIENT_BAD_ARGUMENT;
	if (to->timeout_ms < 0)
		return error_argument(e, "options.timeout_ms", "must not be negative");
	if (!to->timeout_ms)
		to->timeout_ms = PACLIENT_DEFAULT_TIMEOUT_MS;
	if (to->client_name && strlen(to->client_name) > PALLOCD_NAME_BYTES_MAX) {
		error_set(e, PACLIENT_LIMIT, "options.client_name is longer than %u bytes",
			  PALLOCD_NAME_BYTES_MAX);
		e->asked = strlen(to->client_name);
		e->limit = PALLOCD_NAME_BYTES_MAX;
		return PACLIENT_LIMIT;
	}
	return 0;
}

static int take_hello(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__HelloReply *h = reply->hello;
	struct paclient *c = k->client;

	if (!h->version || h->version > PALLOCD_PROTOCOL_VERSION)
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "the daemon chose protocol version %" PRIu32, h->version);
	c->session = h->session;
	if (h->frame_bytes_max && h->frame_bytes_max < c->frame_bytes_max)
		c->frame_bytes_max = h->frame_bytes_max;
	if (h->batch_extents_max && h->batch_extents_max < c->batch_max)
		c->batch_max = h->batch_extents_max;
	snprintf(c->server, sizeof(c->server), "%s", h->server);
	return 0;
}

static int hello(struct call *k, const char *client_name)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Hello h = PALLOCD__V1__HELLO__INIT;
	char name[PALLOCD_NAME_BYTES_MAX + 1];

	snprintf(name, sizeof(name), "%s",
		 client_name ? client_name : program_invocation_short_name);
	h.version = PALLOCD_PROTOCOL_VERSION;
	h.client = name;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_HELLO;
	request.hello = &h;
	return call_message(k, &request, PALLOCD__V1__REPLY__RESULT_HELLO, take_hello);
}

static int connect_failed(struct call *k, const char *path, int err)
{
	switch (err) {
	case CONN_E_LATE:
		return error_set(k->error, PACLIENT_TIMED_OUT, "no connection to %s within %d ms",
				 path, k->timeout_ms);
	case -ENAMETOOLONG:
		return error_argument(k->error, "socket_path", "is too long for a Unix socket");
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -ENOBUFS:
		error_set(k->error, PACLIENT_SYSTEM, "cannot make a socket: %s", strerror(-err));
		break;
	default:
		error_set(k->error, PACLIENT_NOT_CONNECTED, "no daemon answers at %s: %s", path,
			  strerror(-err));
	}
	k->error->system_errno = -err;
	return k->error->status;
}

int paclient_open(const char *socket_path, const struct paclient_options *options,
		  paclient **ret_client, struct paclient_call *call)
{
	const char *path = socket_path ? socket_path : PACLIENT_DEFAULT_SOCKET;
	struct paclient_options o;
	CALL(k);
	int status, err;

	status = call_begin_with(&k, 1, call);
	if (!status)
		status = options_read(k.error, options, &o);
	/* Once more, now that the handle's timeout is known. */
	if (!status)
		status = call_begin_with(&k, o.timeout_ms, call);
	if (status)
		return status;
	if (!ret_client)
		return error_argument(k.error, "ret_client", "is NULL");
	k.client = handle_new();
	if (!k.client)
		return error_set(k.error, PACLIENT_OUT_OF_MEMORY, "no memory for a handle");
	k.client->timeout_ms = o.timeout_ms;
	k.fresh = false;
	err = conn_connect(path, k.deadline_ns, o.timeout_ms, &k.client->fd);
	status = err ? connect_failed(&k, path, err) : hello(&k, o.client_name);
	if (status) {
		handle_free(k.client);
		return status;
	}
	*ret_client = k.client;
	return 0;
}

uint64_t paclient_session_id(const paclient *client)
{
	return client ? client->session : 0;
}

const char *paclient_server_name(const paclient *client)
{
	return client ? client->server : "";
}

size_t paclient_batch_max(const paclient *client)
{
	return client ? client->batch_max : 0;
}
