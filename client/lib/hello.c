/*
 * hello - the first request of each connection
 *
 * Role:       see hello.h.
 * Uses:       wire, proto/
 */
#include "client/lib/hello.h"

void hello_fill(struct paclient *c, Pallocd__V1__Hello *to)
{
	pallocd__v1__hello__init(to);
	to->version = PALLOCD_PROTOCOL_VERSION;
	to->client = c->asked.client;
	to->grace_msec = c->asked.grace_ms;
	to->accepts_handover = c->asked.accepts_handover;
	to->repeats = c->asked.repeats;
	to->recalls = __atomic_load_n(&c->recalls, __ATOMIC_RELAXED);
}

static size_t frame(const Pallocd__V1__Request *request, uint8_t *to)
{
	size_t n = pallocd__v1__request__pack(request, to + PALLOCD_FRAME_HEADER_BYTES);

	wire_u32_pack((uint32_t)n, to);
	return PALLOCD_FRAME_HEADER_BYTES + n;
}

size_t hello_frames(struct paclient *c, bool end, uint8_t to[HELLO_BYTES_MAX])
{
	Pallocd__V1__Request request = PALLOCD__V1__REQUEST__INIT;
	Pallocd__V1__EndSession ask = PALLOCD__V1__END_SESSION__INIT;
	Pallocd__V1__Hello hello;
	size_t n;

	hello_fill(c, &hello);
	if (c->has_token)
		hello.token = (ProtobufCBinaryData){sizeof(c->token), c->token};
	request.id = HELLO_ID;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_HELLO;
	request.hello = &hello;
	n = frame(&request, to);
	if (!end)
		return n;
	request.id = ++c->id_last;
	request.verb_case = PALLOCD__V1__REQUEST__VERB_END_SESSION;
	request.end_session = &ask;
	return n + frame(&request, to + n);
}
