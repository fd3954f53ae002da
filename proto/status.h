/*
 * status - the one table of statuses: wire value, name, exit code of the command, sentence
 *
 * Role:       daemon, library and command look here; the enums of pallocd.proto and paclient.h are compared with it by a test.
 * Uses:       nothing.
 * Invariants: S1  values below 64 are the daemon's and travel; values from 64 on are made by the library and never travel.
 *             S2  a value, once released, keeps its meaning.
 */
#ifndef PALLOCD_PROTO_STATUS_H
#define PALLOCD_PROTO_STATUS_H

/*
 * X(value, NAME, exit code, sentence). Exit codes of paclient: 0 done, 1 the daemon or this program failed, 2 wrong
 * usage or a value refused as such, 3 no daemon there, 4 no space, 5 no such thing, 6 not allowed or not held, 7 too late.
 */
#define PALLOCD_STATUS_TABLE(X)                                                     \
	X(0, OK, 0, "done")                                                         \
	X(1, MALFORMED, 1, "the frame does not hold a request")                     \
	X(2, FRAME_TOO_LONG, 1, "the frame is empty or longer than the limit")      \
	X(3, UNKNOWN_VERB, 1, "the request holds no verb that this daemon knows")   \
	X(4, HELLO_REQUIRED, 1, "a connection begins with Hello, once")             \
	X(5, VERSION, 1, "no protocol version in common")                           \
	X(6, INVALID, 2, "a field has an impossible value")                         \
	X(7, LIMIT, 2, "a limit is exceeded")                                       \
	X(8, NO_REGION, 5, "no such region")                                        \
	X(9, NO_SPACE, 4, "no run of free pages is long enough")                    \
	X(10, OUT_OF_REGION, 2, "the range does not lie in the region")             \
	X(11, UNALIGNED, 2, "the address is not the beginning of a page")           \
	X(12, NOT_ALLOCATED, 6, "some page of the range is not allocated")          \
	X(13, NOT_OWNER, 6, "some page of the range is held by another owner")      \
	X(14, NO_MEMORY, 1, "the daemon has no memory for this request")            \
	X(15, FAULTED, 1, "the region is closed because its state is inconsistent") \
	X(16, OVERLOADED, 1, "the daemon takes no more connections")                \
	X(17, NOT_FREE, 4, "some page of the fixed range is not free")              \
	X(18, IN_USE, 4, "extents are in the way")                                  \
	X(19, NO_SESSION, 5, "no such session, or its grace time is over")          \
	X(20, DENIED, 6, "the right to do this is missing")                         \
	X(21, QUOTA, 4, "a quota does not allow it")                                \
	X(22, NOT_FOUND, 5, "no such extent")                                       \
	X(23, NAME_TAKEN, 4, "another extent of the region has that name")          \
	X(24, SHARED, 4, "the extent has several holders")                          \
	X(25, TOO_SLOW, 7, "a frame or Hello did not come in time")                 \
	X(26, SESSION_ENDED, 3, "the session was ended, or resumed elsewhere")      \
	X(27, STORE_FAILED, 1, "the daemon cannot write changes down")              \
	X(28, STALE, 5, "the region's memory is another one than before")           \
	X(64, TIMED_OUT, 7, "the deadline passed before the reply came")            \
	X(65, NOT_CONNECTED, 3, "no daemon answers at this socket")                 \
	X(66, DISCONNECTED, 3, "the daemon closed the connection")                  \
	X(67, BAD_ARGUMENT, 2, "an argument of the call is impossible")             \
	X(68, PROTOCOL, 1, "the daemon's reply can't be understood")                \
	X(69, OUT_OF_MEMORY, 1, "this program has no memory for the call")          \
	X(70, SYSTEM, 1, "a system call failed")                                    \
	X(71, PENDING, 1, "the call is submitted, and not over yet")                \
	X(72, CANCELLED, 1, "the call was cancelled")

enum pallocd_status {
#define PALLOCD_STATUS_VALUE(value, name, exit_code, sentence) PALLOCD_##name = (value),
	PALLOCD_STATUS_TABLE(PALLOCD_STATUS_VALUE)
#undef PALLOCD_STATUS_VALUE
};

/** pallocd_status_name() - the status' name without prefix, "NO_SPACE"; "UNKNOWN" for other values. Static string. */
const char *pallocd_status_name(unsigned status);

/** pallocd_status_sentence() - what the status says in one clause, for people. Static string. */
const char *pallocd_status_sentence(unsigned status);

/** pallocd_status_exit_code() - exit code of paclient for the status, 1 for unknown values. */
int pallocd_status_exit_code(unsigned status);

#endif
