/*
 * journal_synced - a journal that outlives power loss
 *
 * Role:       the file of a journal that is synced: each commit is a record of its own, with a check.
 * Uses:       base/, store/journal.h
 * Invariants: Y1  a record begins at a multiple of RECORD_ALIGN, so that writing one touches no bytes of those before it.
 *             Y2  the records that count are those from the beginning of the file on that say the same number of folds and are numbered from 0, up to
 *                 the first one that is not whole. Emptying the file is to say another number from then on: nothing has to be written for it.
 *             Y3  nothing is written over a record that is not in the store, synced.
 */
#ifndef PALLOCD_STORE_JOURNAL_SYNCED_H
#define PALLOCD_STORE_JOURNAL_SYNCED_H

#include "store/journal.h"

/** journal_synced_open() - the file, and in @j what is committed in it. Return: as journal_open(). */
MUST_CHECK int journal_synced_open(struct journal *j, const struct journal_config *c);

/** journal_synced_commit() - a record of what was appended. Blocks. Return: 0, a negative errno. */
MUST_CHECK int journal_synced_commit(struct journal *j);

/** journal_synced_end() - so many bytes of operations there may be, for those that are appended next. */
size_t journal_synced_end(const struct journal *j);

#endif
