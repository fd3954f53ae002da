/*
 * handle - open and close
 *
 * Role:       makes a handle, says Hello, takes it apart; what the handle knows of the daemon.
 * Uses:       call, conn, hello, late, link, text, error
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
#include "client/lib/hello.h"
#include "client/lib/late.h"
#include "client/lib/link.h"
#include "client/lib/op.h"
#include "client/lib/ready.h"
#include "client/lib/text.h"

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
	ring_init(&c->deadlines);
	ring_init(&c->over);
	ring_init(&c->queue);
	ready_init(&c->ready);
	ring_init(&c->caches);
	fds_init(&c->fds);
	maps_init(&c->maps);
	c->dial_seed = conn_now_ns() ^ (uintptr_t)c;
	/* Nothing of before. */
	c->resend_next = 1;
	c->frame_bytes_max = PALLOCD_FRAME_BYTES_MAX;
	c->batch_max = PALLOCD_BATCH_EXTENTS_MAX;
	return c;
}

/* In a forked child nothing is touched but the child's own copies: the lock may be held there for ever. */
void handle_free(struct paclient *c)
{
	bool ours = handle_is_ours(c);

	ready_close(&c->ready);
	if (c->fd >= 0)
		close(c->fd);
	late_forget(c);
	fds_close(&c->fds);
	maps_deinit(&c->maps, ours);
	if (ours)
		pthread_mutex_destroy(&c->lock);
	munmap((char *)c - (c->map_bytes - sizeof(*c)), c->map_bytes);
}

/*
 * At once, although it has a grace time. To close a Unix socket with something unread in it is an
 * error for the other side, which may then not read what was sent to it: late replies must be gone.
 */
static void session_end(struct paclient *c)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__EndSession end = PALLOCD__V1__END_SESSION__INIT;

	request.verb_case = PALLOCD__V1__REQUEST__VERB_END_SESSION;
	request.end_session = &end;
	conn_discard(c);
	call_post(c, &request);
}

void paclient_close(paclient *client)
{
	bool ours = client && handle_is_ours(client), well = ours && !client->broken;

	if (!client)
		return;
	if (ours && client->processing) {
		/* By a done(): when that has returned. */
		client->closing = true;
		return;
	}
	if (ours)
		ops_end(client);
	if (well) {
		if (client->repeats && (client->link != LINK_UP || link_gone(client)))
			link_farewell(client);
		else if (client->grace_ms)
			session_end(client);
	}
	handle_free(client);
}

void paclient_leave(paclient *client)
{
	if (!client)
		return;
	if (handle_is_ours(client))
		ops_end(client);
	handle_free(client);
}

/*
 * Programs of the first version have nothing but padding behind timeout_ms, which may hold anything:
 * no later field may lie there.
 */
_Static_assert(offsetof(struct paclient_options, token) == 3 * sizeof(void *),
	       "options: a field lies where older programs have padding");

static int name_check(struct paclient_error *e, const char *name)
{
	size_t n = name ? strlen(name) : 0;

	if (n <= PALLOCD_NAME_BYTES_MAX)
		return 0;
	error_set(e, PACLIENT_LIMIT, "options.client_name is longer than %u bytes",
		  PALLOCD_NAME_BYTES_MAX);
	e->asked = n;
	e->limit = PALLOCD_NAME_BYTES_MAX;
	return PACLIENT_LIMIT;
}

/* What a program built against a newer header asks for beyond our fields we cannot do. */
static int options_read(struct paclient_error *e, const struct paclient_options *from, bool once,
			struct paclient_options *to)
{
	*to = (struct paclient_options)PACLIENT_OPTIONS_INIT;
	if (from && call_struct(e, "options", from, to, sizeof(*to)))
		return PACLIENT_BAD_ARGUMENT;
	if (once) {
		to->grace_ms = 0;
		to->token = NULL;
		to->token_bytes = 0;
		to->accepts_handover = false;
	}
	if (to->timeout_ms < 0)
		return error_argument(e, "options.timeout_ms", "must not be negative");
	if (to->grace_ms < 0)
		return error_argument(e, "options.grace_ms", "must not be negative");
	if (to->token_bytes != (to->token ? PALLOCD_TOKEN_BYTES : 0))
		return error_argument(e, "options.token_bytes",
				      "must be 16 with a token, and 0 without");
	if (!to->timeout_ms)
		to->timeout_ms = PACLIENT_DEFAULT_TIMEOUT_MS;
	return name_check(e, to->client_name);
}

/* A daemon that is too old has overlooked what Hello asked for. */
static int hello_check(struct call *k, const Pallocd__V1__HelloReply *h,
		       const struct paclient_options *o)
{
	int status = 0;

	if (o->token)
		status = call_needs(k, PACLIENT_FEATURE_RESUME, "options.token");
	if (!status && o->grace_ms)
		status = call_needs(k, PACLIENT_FEATURE_RESUME, "options.grace_ms");
	if (!status && o->accepts_handover)
		status = call_needs(k, PACLIENT_FEATURE_SHARING, "options.accepts_handover");
	if (!status && o->token && !h->resumed)
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "the daemon began a new session where one was to be resumed");
	return status;
}

/* What is numbered beyond 63 this version has no use for. */
static uint64_t feature_bit(int feature)
{
	return feature > 0 && feature < 64 ? UINT64_C(1) << feature : 0;
}

/* What the daemon grants. */
static void hello_read(struct paclient *c, const Pallocd__V1__HelloReply *h)
{
	c->has_token = h->token.len;
	if (c->has_token)
		memcpy(c->token, h->token.data, sizeof(c->token));
	for (size_t i = 0; i < h->n_features; i++)
		c->features |= feature_bit((int)h->features[i]);
	c->grace_ms = h->grace_msec;
	c->resumed = h->resumed;
	c->session = h->session;
	c->repeats = c->asked.repeats && h->repeats && c->has_token;
	c->restart_grace_ms = c->repeats ? h->restart_grace_msec : 0;
	/* A session that is gone on with has had requests that this handle knows nothing of. */
	if (c->repeats && h->last_id > c->id_last)
		c->id_last = h->last_id;
	if (h->frame_bytes_max && h->frame_bytes_max < c->frame_bytes_max)
		c->frame_bytes_max = h->frame_bytes_max;
	if (h->batch_extents_max && h->batch_extents_max < c->batch_max)
		c->batch_max = h->batch_extents_max;
	text_copy(c->server, sizeof(c->server), h->server);
}

static int take_hello(struct call *k, const Pallocd__V1__Reply *reply)
{
	const Pallocd__V1__HelloReply *h = reply->hello;
	struct paclient *c = k->client;

	if (!h->version || h->version > PALLOCD_PROTOCOL_VERSION)
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "the daemon chose protocol version %" PRIu32, h->version);
	if (h->token.len && h->token.len != PALLOCD_TOKEN_BYTES)
		return error_set(k->error, PACLIENT_PROTOCOL,
				 "the daemon gave a token of %zu bytes", h->token.len);
	hello_read(c, h);
	return hello_check(k, h, k->to);
}

static int hello(struct call *k, struct paclient_options *o)
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__Hello h;

	hello_fill(k->client, &h);
	h.token = (ProtobufCBinaryData){o->token_bytes, (uint8_t *)o->token};
	request.verb_case = PALLOCD__V1__REQUEST__VERB_HELLO;
	request.hello = &h;
	k->to = o;
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

/* What is there to stay, of the options and the daemon's place. */
static void options_keep(struct paclient *c, const char *path, const struct paclient_options *o,
			 bool once)
{
	c->timeout_ms = o->timeout_ms;
	c->exact = once;
	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(c->asked.client, sizeof(c->asked.client), "%s",
		 o->client_name ? o->client_name : program_invocation_short_name);
	c->asked.grace_ms = (uint64_t)o->grace_ms;
	c->asked.accepts_handover = o->accepts_handover;
	c->asked.repeats = !o->no_reconnect;
}

/* One try. */
static int open_once(struct call *k, const char *path, struct paclient_options *o, bool once)
{
	int status, err;

	k->client = handle_new();
	if (!k->client)
		return error_set(k->error, PACLIENT_OUT_OF_MEMORY, "no memory for a handle");
	options_keep(k->client, path, o, once);
	k->fresh = false;
	err = conn_connect(path, k->deadline_ns, o->timeout_ms, &k->client->fd);
	status = err ? connect_failed(k, path, err) : hello(k, o);
	if (status)
		handle_free(k->client);
	return status;
}

/* Will it be worth while to try again? */
static bool daemon_away(int status)
{
	return status == PACLIENT_NOT_CONNECTED || status == PACLIENT_DISCONNECTED ||
	       status == PACLIENT_OVERLOADED;
}

int handle_open(struct call *k, struct paclient_call *user, const char *socket_path,
		const struct paclient_options *options, bool once)
{
	const char *path = socket_path ? socket_path : PACLIENT_DEFAULT_SOCKET;
	uint64_t wait_ns = 0, seed = conn_now_ns() ^ (uintptr_t)k;
	struct paclient_options o;
	int status;

	status = call_begin_with(k, 1, user);
	if (!status)
		status = options_read(k->error, options, once, &o);
	/* Once more, now that the handle's timeout is known. */
	if (!status)
		status = call_begin_with(k, o.timeout_ms, user);
	if (status)
		return status;
	for (;;) {
		uint64_t at;

		status = open_once(k, path, &o, once);
		if (!status) {
			/* What earlier tries have said. */
			k->error->status = 0;
			k->error->message[0] = '\0';
		}
		if (!o.wait_for_daemon || !daemon_away(status))
			return status;
		at = conn_now_ns() + link_wait_ns(&wait_ns, &seed);
		if (at >= k->deadline_ns)
			break;
		link_sleep(at);
		call_again(k);
	}
	error_more(k->error, "none has come in time");
	return status;
}

int paclient_open(const char *socket_path, const struct paclient_options *options,
		  paclient **ret_client, struct paclient_call *call)
{
	CALL(k);
	int status;

	if (!ret_client) {
		status = call_begin_with(&k, 1, call);
		return status ? status : error_argument(k.error, "ret_client", "is NULL");
	}
	status = handle_open(&k, call, socket_path, options, false);
	if (!status)
		*ret_client = k.client;
	return status;
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

bool paclient_token(const paclient *client, uint8_t ret_token[PACLIENT_TOKEN_BYTES])
{
	if (!client || !client->has_token || !ret_token)
		return false;
	memcpy(ret_token, client->token, PACLIENT_TOKEN_BYTES);
	return true;
}

uint64_t paclient_grace_ms(const paclient *client)
{
	return client ? client->grace_ms : 0;
}

bool paclient_resumed(const paclient *client)
{
	return client && client->resumed;
}

bool paclient_has(const paclient *client, int feature)
{
	return client && (client->features & feature_bit(feature));
}

uint64_t paclient_restart_grace_ms(const paclient *client)
{
	return client ? client->restart_grace_ms : 0;
}

uint64_t paclient_reconnects(const paclient *client)
{
	return client ? __atomic_load_n(&client->nreconnects, __ATOMIC_RELAXED) : 0;
}

int paclient_keep(paclient *client, struct paclient_call *call)
{
	CALL(k);
	int status = call_begin(&k, client, call);

	return status ? status : call_keep(&k);
}
