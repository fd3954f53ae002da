/*
 * play - regions and sessions that live at random, and all of their truth as text
 *
 * Role:       shared by the tests of store/: makes changes of every kind, and says what there is so that two states can be compared.
 * Uses:       region/, store/, check
 */
#ifndef PALLOCD_TESTS_STORE_PLAY_H
#define PALLOCD_TESTS_STORE_PLAY_H

#include <check.h>

#include "region/record.h"
#include "store/store.h"
#include "tests/unit/random.h"

#define PLAY_REGIONS 3u
#define PLAY_SESSIONS_MAX 12u
#define PLAY_LIMIT_NPAGES 4096u
#define PLAY_PAGE UINT64_C(4096)

/* What the configuration says: the durability of each region. */
struct play_config {
	enum region_durability durability[PLAY_REGIONS];
	bool reorder; /* regions are in the opposite order */
	enum region_death death;
};

struct play {
	struct regions regions;
	struct random rnd;
	uint64_t now;
	uint64_t request;  /* the last number of a request */
	uint64_t used_max; /* pages of a region; from there on nothing is taken; 0: no limit */
};

/** play_init() - regions a, b and c, without sessions; nothing is grown in those that @s knows (NULL: none). */
void play_init(struct play *p, const struct play_config *c, const struct store *s);

void play_deinit(struct play *p);

/** play_region() - by name. */
struct region *play_region(const struct play *p, const char *name);

/** play_step() - one random change, or one that is refused. */
void play_step(struct play *p);

/** play_session() - a new session of @uid's. */
struct session *play_session(struct play *p, uid_t uid);

/** play_take() - an extent of @npages; its address. */
uint64_t play_take(struct region *r, struct owner *o, uint64_t npages);

/** play_give() - it is free again. */
void play_give(struct region *r, const struct session *s, uint64_t addr, uint64_t npages);

/** play_text_regions() - of regions with @durability, and what their owners remember. Return: from malloc(), the caller's. */
char *play_text_regions(const struct play *p, int durability);

/**
 * play_text() - all truth of regions with @durability (all of them: REGION_DURABILITIES), and the sessions
 *
 * Sessions that can be resumed are the same whether they have a connection or not. Return: from malloc(), the caller's.
 */
char *play_text(const struct play *p, int durability);

/** play_load() - the store at @dir (the process' environment where @c has use for it, the machine's where @machine says so), opened and loaded into @p; asserts that it can be. */
struct store *play_load(struct play *p, const struct play_config *c, const char *dir, bool machine);

/** play_commit() - whatever there is to write, synced too. Return: as store_commit(). */
int play_commit(struct store *s);

/** play_dir() - a new folder below $TMPDIR; in memory where that can be. Return: from malloc(). */
char *play_dir(void);

/** play_remove() - it and what is in it; frees @dir. */
void play_remove(char *dir);

/** play_same() - asserts that the texts are the same; frees both. */
void play_same(char *wanted, char *got);

#endif
