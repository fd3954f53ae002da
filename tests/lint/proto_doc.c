/*
 * proto_doc - the parts of proto/README.md and pallocd-protocol(7) that are made from the code
 *
 * Role:       `proto_doc limits|statuses|examples` prints that part, with "man" behind it as in a manual page; proto-doc.sh puts it into
 *             the page or compares it with the page. `proto_doc check` compares the statuses of status.h with those of
 *             pallocd.proto, `proto_doc verbs` prints "REQUEST -> REPLY" for each verb.
 * Uses:       proto/
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/pallocd.pb-c.h"
#include "proto/status.h"

static void print_limits(bool man)
{
	static const struct {
		unsigned value;
		const char *what;
	} limits[] = {
		{PALLOCD_PROTOCOL_VERSION, "the protocol version that `Hello` carries"},
		{PALLOCD_FRAME_HEADER_BYTES, "bytes of a frame's length field"},
		{PALLOCD_FRAME_BYTES_MAX,
		 "bytes of the longest message, its length field not counted"},
		{PALLOCD_BATCH_EXTENTS_MAX,
		 "entries of one `Alloc` or `Free`, extents of one `AllocReply`"},
		{PALLOCD_BLOCK_NPAGES, "pages of a block that is leased"},
		{PALLOCD_LEASE_BLOCKS_MAX, "blocks that one `Alloc` may lease"},
		{PALLOCD_LEASE_EXTENTS_MAX, "extents that these can be"},
		{PALLOCD_NAME_BYTES_MAX,
		 "bytes of a region's, a client's or an extent's name, and of a `name_pattern`"},
		{PALLOCD_LABEL_BYTES_MAX, "bytes of an extent's label"},
		{PALLOCD_TOKEN_BYTES, "bytes of a session's token, neither more nor fewer"},
		{PALLOCD_GRACE_MSEC_MAX, "milliseconds of grace that `Hello` is granted"},
		{PALLOCD_WAIT_MSEC_MAX, "milliseconds that an `Alloc` waits"},
		{PALLOCD_MAP_CELLS_MAX, "cells of one `Map`"},
		{PALLOCD_INFO_RANGES_MAX, "ranges of each kind that one `RegionInfoReply` lists"},
		{PALLOCD_IN_USE_EXTENTS_MAX, "extents that a `Refusal` or a `DrainReply` lists"},
		{PALLOCD_LIST_REGIONS_MAX, "regions that one `ListRegionsReply` lists"},
		{PALLOCD_SESSIONS_MAX, "sessions that one `SessionsReply` lists"},
		{PALLOCD_USERS_MAX, "users that one `StatReply` lists"},
		{PALLOCD_LIST_EXTENTS_MAX, "extents that one `ListReply` lists"},
		{PALLOCD_EVENTS_MAX, "events of one `Events`"},
		{PALLOCD_FINDINGS_MAX, "findings that one `CheckReply` tells"},
		{PALLOCD_REPEAT_BYTES_MAX,
		 "bytes of replies that are remembered for a session that repeats"},
	};

	if (!man)
		printf("| number | what it limits |\n|---:|---|\n");
	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		printf(man ? ".TP\n.B %u\n" : "| %u | ", limits[i].value);
		/* Names stand in backquotes, which a manual page has no use for. */
		for (const char *p = limits[i].what; *p; p++) {
			if (!man || *p != '`')
				putchar(*p);
		}
		printf(man ? "\n" : " |\n");
	}
}

static void print_statuses_man(void)
{
#define ITEM(number, name, exit_code, sentence) \
	printf(".TP\n.BR %s \" (%d)\"\n%s\n", #name, number, sentence);
	PALLOCD_STATUS_TABLE(ITEM)
#undef ITEM
}

static void print_statuses(void)
{
	printf("| value | name | it says | exit code of `paclient` |\n|---:|---|---|---:|\n");
#define ROW(number, name, exit_code, sentence) \
	printf("| %d | `%s` | %s | %d |\n", number, #name, sentence, exit_code);
	PALLOCD_STATUS_TABLE(ROW)
#undef ROW
}

/* S1 of status.h: the values below 64 are exactly those of pallocd.proto. */
static int check_statuses(void)
{
	int nfaults = 0;

	for (int value = 0; value < 64; value++) {
		const ProtobufCEnumValue *wire = protobuf_c_enum_descriptor_get_value(
			&pallocd__v1__status__descriptor, value);
		const char *theirs = wire ? wire->name : "UNKNOWN";
		const char *ours = pallocd_status_name((unsigned)value);

		if (strcmp(ours, theirs)) {
			printf("status %d: status.h says %s, pallocd.proto %s\n", value, ours,
			       theirs);
			nfaults++;
		}
	}
	return nfaults != 0;
}

static void print_bytes(const uint8_t *p, size_t n, unsigned indent)
{
	printf("%*s", (int)indent, "");
	for (size_t i = 0; i < n; i++)
		printf("%02x ", p[i]);
	/* What the bytes say stands in one column. */
	printf("%*s", (int)(3 * n + indent < 50 ? 50 - 3 * n - indent : 1), "");
}

static uint64_t varint_get(const uint8_t **p)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		v |= (uint64_t)(**p & 0x7f) << shift;
		if (!(*(*p)++ & 0x80))
			return v;
	}
}

/* One line for each field: its bytes, its name, its value. The bytes come from protobuf-c, so they are well-formed. */
static void print_message(const ProtobufCMessageDescriptor *d, const uint8_t *p, size_t size,
			  unsigned indent)
{
	const uint8_t *end = p + size;

	while (p < end) {
		const uint8_t *begin = p;
		uint64_t tag = varint_get(&p), v = varint_get(&p);
		const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(
			d, (unsigned)tag >> 3);

		if (!f)
			abort();
		if ((tag & 7) == 0) {
			print_bytes(begin, (size_t)(p - begin), indent);
			if (f->type == PROTOBUF_C_TYPE_ENUM)
				printf("%s = %s\n", f->name,
				       protobuf_c_enum_descriptor_get_value(f->descriptor, (int)v)
					       ->name);
			else
				printf("%s = %" PRIu64 "\n", f->name, v);
		} else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
			print_bytes(begin, (size_t)(p - begin), indent);
			printf("%s, %" PRIu64 " bytes:\n", f->name, v);
			print_message(f->descriptor, p, v, indent + 3);
			p += v;
		} else if (f->type == PROTOBUF_C_TYPE_BYTES) {
			print_bytes(begin, (size_t)(p - begin) + v, indent);
			printf("%s, %" PRIu64 " bytes\n", f->name, v);
			p += v;
		} else if (f->type == PROTOBUF_C_TYPE_STRING) {
			print_bytes(begin, (size_t)(p - begin) + v, indent);
			printf("%s = \"%.*s\"\n", f->name, (int)v, (const char *)p);
			p += v;
		} else {
			print_bytes(begin, (size_t)(p - begin) + v, indent);
			printf("%s =", f->name);
			for (const uint8_t *stop = p + v; p < stop;)
				printf(" %" PRIu64, varint_get(&p));
			printf(", packed in %" PRIu64 " bytes\n", v);
		}
	}
}

/* The message as a frame; packed, unpacked and packed again it must be the same. */
static void print_frame(const char *title, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *first = malloc(size), *second = malloc(size);
	uint8_t header[PALLOCD_FRAME_HEADER_BYTES] = {(uint8_t)size, (uint8_t)(size >> 8)};
	ProtobufCMessage *copy;

	if (!first || !second)
		abort();
	protobuf_c_message_pack(message, first);
	copy = protobuf_c_message_unpack(message->descriptor, NULL, size, first);
	if (!copy || protobuf_c_message_pack(copy, second) != size || memcmp(first, second, size)) {
		printf("%s: unpacked and packed again it is another message\n", title);
		exit(1);
	}
	printf("%s\n\n", title);
	print_bytes(header, sizeof(header), 4);
	printf("length = %zu\n", size);
	print_message(message->descriptor, first, size, 4);
	printf("\n");
	protobuf_c_message_free_unpacked(copy, NULL);
	free(first);
	free(second);
}

static void request(const char *title, uint64_t id, Pallocd__V1__Request__VerbCase verb, void *body)
{
	Pallocd__V1__Request r = PALLOCD__V1__REQUEST__INIT;

	r.id = id;
	r.verb_case = verb;
	r.hello = body; /* all members of the union are pointers to messages */
	print_frame(title, &r.base);
}

static void reply(const char *title, uint64_t id, Pallocd__V1__Reply__ResultCase result, void *body)
{
	Pallocd__V1__Reply r = PALLOCD__V1__REPLY__INIT;

	r.id = id;
	r.result_case = result;
	r.hello = body;
	print_frame(title, &r.base);
}

static void example_hello(void)
{
	Pallocd__V1__Hello hello = PALLOCD__V1__HELLO__INIT;
	Pallocd__V1__HelloReply hello_reply = PALLOCD__V1__HELLO_REPLY__INIT;
	static uint8_t token[PALLOCD_TOKEN_BYTES] = {0x8d, 0x13, 0x5e, 0xc2, 0x40, 0xf7,
						     0x09, 0xab, 0x6c, 0x91, 0x3a, 0xd5,
						     0x27, 0xee, 0x70, 0x18};
	static Pallocd__V1__Feature features[] = {PALLOCD__V1__FEATURE__FEATURE_PLACEMENT,
						  PALLOCD__V1__FEATURE__FEATURE_RESUME};

	hello.version = PALLOCD_PROTOCOL_VERSION;
	hello.client = (char *)"demo";
	request("The client says hello:", 1, PALLOCD__V1__REQUEST__VERB_HELLO, &hello);
	hello_reply.version = PALLOCD_PROTOCOL_VERSION;
	hello_reply.session = 7;
	hello_reply.server = (char *)"pallocd 0.1.0";
	hello_reply.frame_bytes_max = PALLOCD_FRAME_BYTES_MAX;
	hello_reply.batch_extents_max = PALLOCD_BATCH_EXTENTS_MAX;
	hello_reply.token = (ProtobufCBinaryData){.len = sizeof(token), .data = token};
	hello_reply.features = features;
	hello_reply.n_features = sizeof(features) / sizeof(features[0]);
	reply("The daemon answers; the client's session is number 7:", 1,
	      PALLOCD__V1__REPLY__RESULT_HELLO, &hello_reply);
}

static void example_alloc_free(void)
{
	static uint64_t npages[] = {1, 300}, addr[] = {0x1000, 0x2000}, piece_npages[] = {100};
	Pallocd__V1__Alloc alloc = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__AllocReply alloc_reply = PALLOCD__V1__ALLOC_REPLY__INIT;
	Pallocd__V1__Free free_ = PALLOCD__V1__FREE__INIT;
	Pallocd__V1__FreeReply free_reply = PALLOCD__V1__FREE_REPLY__INIT;

	alloc.region = (char *)"demo";
	alloc.n_npages = 2;
	alloc.npages = npages;
	request("It asks region \"demo\" for two extents, of 1 page and of 300 pages:", 2,
		PALLOCD__V1__REQUEST__VERB_ALLOC, &alloc);
	alloc_reply.n_addr = 2;
	alloc_reply.addr = addr;
	alloc_reply.scavenged_npages = 301;
	reply("They are at 0x1000 and 0x2000, and none of their pages had memory behind it:", 2,
	      PALLOCD__V1__REPLY__RESULT_ALLOC, &alloc_reply);
	free_.region_id = 1;
	free_.n_addr = 1;
	free_.addr = addr + 1;
	free_.n_npages = 1;
	free_.npages = piece_npages;
	request("It gives back the first 100 pages of the second extent, naming the region by its "
		"id:",
		3, PALLOCD__V1__REQUEST__VERB_FREE, &free_);
	free_reply.npages = 100;
	reply("Done:", 3, PALLOCD__V1__REPLY__RESULT_FREE, &free_reply);
}

static void example_refusal(void)
{
	static uint64_t npages[] = {5000};
	Pallocd__V1__Alloc alloc = PALLOCD__V1__ALLOC__INIT;
	Pallocd__V1__Refusal refusal = PALLOCD__V1__REFUSAL__INIT;
	Pallocd__V1__Reply r = PALLOCD__V1__REPLY__INIT;

	alloc.region_id = 1;
	alloc.n_npages = 1;
	alloc.npages = npages;
	request("It asks for more than there is:", 4, PALLOCD__V1__REQUEST__VERB_ALLOC, &alloc);
	refusal.asked = 5000;
	refusal.free_npages = 3895;
	refusal.largest_npages = 3794;
	r.id = 4;
	r.status = PALLOCD__V1__STATUS__NO_SPACE;
	r.message = (char *)"no room";
	r.refusal = &refusal;
	print_frame("It is refused, with the numbers (the real message is longer):", &r.base);
}

/* A verb's field has the same name in Request and Reply. */
static void print_verbs(void)
{
	const ProtobufCMessageDescriptor *d = &pallocd__v1__request__descriptor;

	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *request = &d->fields[i], *reply;

		if (request->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		reply = protobuf_c_message_descriptor_get_field_by_name(
			&pallocd__v1__reply__descriptor, request->name);
		if (!reply)
			abort();
		printf("%s -> %s\n",
		       ((const ProtobufCMessageDescriptor *)request->descriptor)->short_name,
		       ((const ProtobufCMessageDescriptor *)reply->descriptor)->short_name);
	}
}

int main(int argc, char **argv)
{
	const char *what = argc >= 2 ? argv[1] : "";
	bool man = argc == 3 && !strcmp(argv[2], "man");

	if (!strcmp(what, "limits")) {
		print_limits(man);
	} else if (!strcmp(what, "statuses") && man) {
		print_statuses_man();
	} else if (!strcmp(what, "statuses")) {
		print_statuses();
	} else if (!strcmp(what, "verbs")) {
		print_verbs();
	} else if (!strcmp(what, "examples")) {
		example_hello();
		example_alloc_free();
		example_refusal();
	} else if (!strcmp(what, "check")) {
		return check_statuses();
	} else {
		fprintf(stderr,
			"usage: proto_doc limits|statuses|examples [man] | check | verbs\n");
		return 2;
	}
	return 0;
}
