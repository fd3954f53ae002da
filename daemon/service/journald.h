/*
 * journald - lines with their fields go to systemd's journal
 *
 * Role:       where stderr goes to the journal, a line's id, level and fields become fields of its entry, so that
 *             `journalctl PALLOCD_REGION=ddr`, `journalctl -x` and programs find them. Elsewhere nothing is done.
 * Uses:       libsystemd, base/
 */
#ifndef PALLOCD_SERVICE_JOURNALD_H
#define PALLOCD_SERVICE_JOURNALD_H

/** journald_open() - from now on; to be called once, after log_open(). */
void journald_open(void);

#endif
