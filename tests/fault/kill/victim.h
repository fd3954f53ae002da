/*
 * victim - the daemon that is killed
 *
 * Role:       starts it on one store again and again, and kills it: at some moment, or before or after one of its system calls.
 * Uses:       ptrace(2); PALLOCD_PATH is the program under test
 */
#ifndef PALLOCD_TESTS_FAULT_VICTIM_H
#define PALLOCD_TESTS_FAULT_VICTIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct victim {
	char dir[64];    /* of everything */
	char socket[96]; /* where clients connect */
	char peek[96];   /* where nobody does but us */
	char log[96];
	pid_t pid;
	uint64_t nstops; /* of system calls, before or after, that it was stopped at */
};

/** victim_place() - a folder for it. victim_remove() - with all that is in it. */
void victim_place(struct victim *v);
void victim_remove(const struct victim *v);

/** victim_start() - @socket is one of @v's. Returns at once. */
void victim_start(struct victim *v, const char *socket);

/** victim_start_killed() - the same, killed at its @nstops-th stop. Return: false: it was ready before, and lives. */
bool victim_start_killed(struct victim *v, unsigned nstops);

/** victim_kill() - now. victim_kill_at() - at the @nstops-th stop of its loop from now on, at the latest after 200 ms. Both wait for its end. */
void victim_kill(struct victim *v);
void victim_kill_at(struct victim *v, unsigned nstops);

/** victim_stop() - in order; fails where its exit code is not 0. */
void victim_stop(struct victim *v);

/** victim_log() - print the end of what it has said. */
void victim_log(const struct victim *v);

#endif
