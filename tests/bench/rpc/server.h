/*
 * server - the three servers under test, as child processes
 *
 * Role:       starts them in a private folder, on a CPU of their own where there are two, and ends them with the benchmark.
 * Uses:       echo.h, proto/
 */
#ifndef BENCH_RPC_SERVER_H
#define BENCH_RPC_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>
#include <time.h>

enum server_kind {
	SERVER_ECHO,
	SERVER_ECHO_PROTOBUF,
	SERVER_PALLOCD,      /* truth lives as long as the process */
	SERVER_PALLOCD_KEPT, /* it outlives the process */
	SERVER_PALLOCD_REPEATS, /* and requests that were not answered can be repeated (Hello.repeats) */
	SERVER_NTURNS,          /* those above take turns in each cell */
	SERVER_PALLOCD_SYNCED = SERVER_NTURNS, /* truth outlives the system; in $TMPDIR */
	SERVER_NKINDS,
};

struct server {
	enum server_kind kind;
	pid_t pid;
	clockid_t cpu; /* CPU time of all its threads */
	struct sockaddr_un addr;
	uint32_t region_id;
};

/** server_name() - "echo", "echo+pb", "pallocd", "kept", "repeats", "synced". */
const char *server_name(enum server_kind kind);

static inline bool server_is_pallocd(enum server_kind kind)
{
	return kind >= SERVER_PALLOCD;
}

/**
 * server_start() - start a server and wait until it listens
 * @program: pallocd's file name; for the other kinds unused
 *
 * Dies on failure. All servers end, and their folder goes, when the benchmark exits.
 */
void server_start(struct server *s, enum server_kind kind, const char *program);

/** server_connect() - a connection to the server, after Hello; blocking. Dies on failure. */
int server_connect(const struct server *s);

/** server_commits() - transactions that a SERVER_PALLOCD_SYNCED has written and synced since its start. */
uint64_t server_commits(const struct server *s);

/** server_dir() - where it keeps what it writes. */
const char *server_dir(const struct server *s, char *buf, size_t size);

/** pin_client() - move this process to a CPU that no server is started on; 1 if there is one, else 0. */
int pin_client(void);

#endif
