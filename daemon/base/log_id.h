/*
 * log_id - the lines that can be looked for: each has a number of its own in the journal
 *
 * Role:       one table: name, number (a 128-bit id that never changes), and whether clients can cause as many of them as they
 *             like. systemd/pallocd.catalog explains each to administrators; a test compares the two. And the names of the fields.
 * Uses:       nothing
 *
 * A new one: `journalctl --new-id128`, a row here, an entry in the catalog.
 */
#ifndef PALLOCD_BASE_LOG_ID_H
#define PALLOCD_BASE_LOG_ID_H

/* clang-format off */
#define LOG_ID_TABLE(X) \
	X(READY, EACH, "aabd447b70094c8198e46c6e7051f10d") /* serving */ \
	X(RELOADED, EACH, "56505683b38f4a91b5a25d89b6acbe3f") /* the configuration that was read again is in force */ \
	X(RELOAD_REFUSED, EACH, "2804e38199514aeb93f4785f3a3e657b") /* it is not: all is as before */ \
	X(CONFIG_REFUSED, EACH, "7ab0bf4275d145528373fbfbd0db5ce5") /* something is wrong with the configuration: where, and what to do */ \
	X(STOPPING, EACH, "468e551ba5204dda89a3b27d93338218") /* a signal ends the daemon */ \
	X(STOPPED, EACH, "ff89944c464943c48b20da2609f1f782") /* it has ended in order */ \
	X(CANNOT_START, EACH, "148d8e7234f34f4e9bd49ca983973dc0") /* the daemon ends before it serves */ \
	X(REGION_LEFT_OUT, EACH, "c95c3029c25f4ed09c635652f91315aa") /* a region of the configuration cannot be had on this host */ \
	X(REGION_FAULTED, EACH, "881d50a71f2c4996b2bc72c09bae1615") /* a region has closed itself: its state is inconsistent */ \
	X(REGION_NOT_LOADED, EACH, "5f1fe91386f74258867dfe4f74c3ec23") /* what is written of a region does not fit: it is closed */ \
	X(REGION_VOID, EACH, "82aee5ea8df6451f9da90e78c81e7fc9") /* a region's memory is gone, and all that was held in it */ \
	X(MEMORY_NOT_KEPT, EACH, "43cda487bcde4974ab2a09707663ba2a") /* a region's memory will not outlive the daemon */ \
	X(FILE_OPEN_TO_OTHERS, EACH, "f554f452029c4b7e8495ddd06120a98a") /* others than its owner may write a region's file */ \
	X(SESSION_LOST, LIMITED, "b83af0f862ea4fe1ac86f5e856ce73a2") /* what is written of a session does not fit */ \
	X(STORE_FAILING, LIMITED, "ffa7707a52734574a63b778b0a5f4f85") /* changes cannot be written down, and are refused */ \
	X(STORE_WORKS, LIMITED, "61d15c25023e42aaaf20abaf3ff6dc75") /* they can be again */ \
	X(STORE_BEHIND, EACH, "9f4d6bc266b04f64abd19f6b199040cd") /* the daemon stops without the last changes */ \
	X(CONNECTION_REFUSED, LIMITED, "a48097e3270b47e4a2ecddb80c7b79c9") /* a new connection is not let in */ \
	X(CONNECTION_CUT_OFF, LIMITED, "a0d41fdb06ea4e1888d320e2116e133e") /* a connection is closed for what its client does */ \
	X(ACCEPT_FAILED, LIMITED, "c40a1340967740f09e54ee1469a563b4") /* the system does not let connections in */ \
	X(BAD_FRAME, LIMITED, "9cfc58bebc5846cab83a404331b53c32") /* a client has sent what is no request */ \
	X(REQUEST_REFUSED, LIMITED, "c33df5a522e94961be56111baafa099e") /* a request got another status than OK; at level debug */ \
	X(SESSION_KILLED, LIMITED, "5c3d539e14e74fd9a374631e4c931923") /* a session was ended by somebody entitled */ \
	X(NO_MEMORY, LIMITED, "061ebcc911c74702a59c30f2a009acb2") /* the system gives no memory for pages */ \
	X(SCAVENGE_FAILED, LIMITED, "e8c6cac1e5bc40749ea648718bc886fc") /* the system does not take memory back */ \
	X(DEATHS_UNWATCHED, EACH, "bdf7285699284c708f71d873b54a91bb") /* the death of processes cannot be watched */ \
	X(PRESSURE_UNWATCHED, EACH, "0e5dded9f65c4733aaf8b321802e8c09") /* the kernel does not say when memory is short */ \
	X(TOO_FEW_DESCRIPTORS, EACH, "dc79b26b545f44238829b251795d62e1") /* fewer connections are possible than are wanted */
/* clang-format on */

enum log_id {
	LOG_ID_NONE, /* a line like any other */
#define LOG_ID_VALUE(name, limited, number) LOG_ID_##name,
	LOG_ID_TABLE(LOG_ID_VALUE)
#undef LOG_ID_VALUE
		LOG_IDS
};

/*
 * What a line is about, for those who look for it: LOG_FIELDS(ABOUT_REGION(r->name), ABOUT_UID(uid)). The texts must not be NULL; "" is
 * left out, as is the number 0 but for users.
 */
struct log_field {
	const char *name;
	const char *text; /* NULL: the number */
	unsigned long long number;
	_Bool zero; /* the number 0 says something, too */
};

#define LOG_FIELDS(...)            \
	(const struct log_field[]) \
	{                          \
		__VA_ARGS__,       \
		{                  \
			0          \
		}                  \
	}
#define ABOUT_REGION(region_name)                               \
	{                                                       \
		.name = "PALLOCD_REGION", .text = (region_name) \
	}
#define ABOUT_SESSION(id)                                 \
	{                                                 \
		.name = "PALLOCD_SESSION", .number = (id) \
	}
#define ABOUT_UID(uid)                                            \
	{                                                         \
		.name = "PALLOCD_UID", .number = (uid), .zero = 1 \
	}
/* The client's process. */
#define ABOUT_PID(pid)                                           \
	{                                                        \
		.name = "PALLOCD_PID", .number = (unsigned)(pid) \
	}
#define ABOUT_REQUEST(id)                                 \
	{                                                 \
		.name = "PALLOCD_REQUEST", .number = (id) \
	}
/* The address of its first page; @known: 0 is one, too. */
#define ABOUT_EXTENT(addr) ABOUT_EXTENT_IF(addr, 1)
#define ABOUT_EXTENT_IF(addr, known)                                        \
	{                                                                   \
		.name = "PALLOCD_EXTENT", .number = (addr), .zero = (known) \
	}
/* A status' name. */
#define ABOUT_STATUS(status_name)                               \
	{                                                       \
		.name = "PALLOCD_STATUS", .text = (status_name) \
	}
/* Of the configuration, as systemd's own fields of these names: "journalctl CONFIG_FILE=/etc/pallocd/pallocd.conf". */
#define ABOUT_FILE(path)                              \
	{                                             \
		.name = "CONFIG_FILE", .text = (path) \
	}
#define ABOUT_LINE(lineno)                                \
	{                                                 \
		.name = "CONFIG_LINE", .number = (lineno) \
	}
#define ABOUT_KEY(key)                               \
	{                                            \
		.name = "PALLOCD_KEY", .text = (key) \
	}
/* errno's number, as the journal's own field of that name. */
#define ABOUT_ERRNO(err)                                   \
	{                                                  \
		.name = "ERRNO", .number = (unsigned)(err) \
	}

#endif
