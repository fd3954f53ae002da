/*
 * sync - transactions that are synced, beside bare syncs
 *
 * Role:       see bench_rpc --help, --sync.
 * Uses:       server.h, load.h
 */
#ifndef BENCH_RPC_SYNC_H
#define BENCH_RPC_SYNC_H

#define SYNC_ROUNDS_MAX 99u

/** sync_run() - measure and print; @seconds each in each round. Return: main()'s exit code; dies on failure. */
int sync_run(const char *pallocd, unsigned rounds, double seconds);

#endif
