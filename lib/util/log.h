#ifndef LIB_UTIL_LOG_H
#define LIB_UTIL_LOG_H

/*
 * The daemon's log: one line per event on stderr, "wg0: peer Xq3f...: handshake completed".
 * Keys and packet contents are never logged; a peer is named by the start of its public key.
 */
enum log_level {
	LOG_LEVEL_SILENT,
	LOG_LEVEL_ERROR, /* needs a person */
	LOG_LEVEL_WARN,  /* may need one */
	LOG_LEVEL_INFO,  /* a change of state */
	LOG_LEVEL_DEBUG, /* per message */
};

/** Sets the level above which lines are dropped, and the interface name put before each line. */
void log_init(enum log_level level, const char *prefix);
int log_enabled(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                          \
	do {                                                    \
		if (log_enabled(LOG_LEVEL_DEBUG))               \
			log_line(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

#endif
