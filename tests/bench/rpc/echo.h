/*
 * echo - the servers that pallocd is measured against
 *
 * Role:       what any server on libuv must do, and nothing else: uv_poll_t, one recv() of many frames, one send() of as
 *             many. Plain, it sends each frame back as it came; with protobuf, it unpacks each request and packs the reply
 *             that pallocd would give, with made-up addresses.
 * Uses:       proto/
 */
#ifndef BENCH_RPC_ECHO_H
#define BENCH_RPC_ECHO_H

#include <stdbool.h>

/** echo_serve() - serve connections of the listening socket @fd until the process is killed. */
void echo_serve(int fd, bool protobuf) __attribute__((noreturn));

#endif
