/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the workers ask the kernel for light sleep with: a file of /sys for each of their CPUs, opened here because the
 * sandbox lets nobody open one later, and the record, a small file beside the control socket that says for which CPUs the
 * kernel has been asked. What is asked in this way outlives the process: whoever is killed leaves word in the record, and
 * the next vmqd, or vmqd --release-cpus, puts it back.
 *
 * The record lives as long as what it tells of: a boot. It can be written by vmqd's own user, so nothing is believed of it
 * but that a CPU whose file reads just as it says may be given back. Owned by the daemon; control thread, but for the
 * workers' writes through the descriptors that they are given.
 */
#ifndef VMQ_VMQD_SLEEP_FILES_H
#define VMQ_VMQD_SLEEP_FILES_H

#include "nic/nic.h"

struct sleep_files;

/* The record of the vmqd with that control socket. */
void sleep_files_record(const char *control_socket, char *out, size_t size);

/* Before there are workers. Puts back what is in the record, and begins it anew; `root`: the directory below which /sys and
 * /proc are, "" is the host. What cannot be had is logged and said by sleep_files_why; NULL: out of memory. */
struct sleep_files *sleep_files_open(const char *root, const char *record, const uint16_t *cpus, unsigned ncpus);
/* One for each CPU, in the order given. */
const struct nic_sleep_file *sleep_files_all(const struct sleep_files *f);
/* Why there is none for the CPU; "" when there is one, or `f` is NULL. */
const char *sleep_files_why(const struct sleep_files *f, unsigned cpu);
/* Behind the workers' end: the record goes, unless something in it is still to be put back. NULL is allowed. */
void sleep_files_close(struct sleep_files *f);

/* What a vmqd that was killed left, when no other follows. How many CPUs were given back; -1: some could not be, which is
 * logged and stays in the record. */
int sleep_files_put_back(const char *root, const char *record);

#endif
