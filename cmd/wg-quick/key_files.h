#ifndef CMD_WG_QUICK_KEY_FILES_H
#define CMD_WG_QUICK_KEY_FILES_H

#include "cmd/wg-quick/target.h"
#include "lib/conf/conf.h"
#include "lib/util/err.h"

/*
 * Secrets that are not in the configuration but in files of their own, or in systemd's credentials:
 * the comment keys PrivateKeyFile and PresharedKeyFile.
 */

/**
 * Finds out whether all of them are there and have a key each, without keeping any; warns of those
 * that everybody may read. What can be read but once, such as a pipe, only has to be there.
 * Returns 0 or a negative errno with *err filled in.
 */
int key_files_check(const struct target *target, const struct conf *conf, struct err *err);

/**
 * Reads them into conf->device. Returns as key_files_check(); the device has some of them then.
 */
int key_files_read(struct conf *conf, const struct target *target, struct err *err);

#endif
