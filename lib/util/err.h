#ifndef LIB_UTIL_ERR_H
#define LIB_UTIL_ERR_H

/**
 * What went wrong, for a person. Functions of lib/ return 0 or a negative errno and fill one of
 * these in; they never print. The program prints it once, at the top.
 *
 * Text that stems from a file or an argument is echoed with control characters made visible.
 * Secrets never go in here.
 */
struct err {
	int code;             /* the negative errno that was returned; 0: no error */
	unsigned int line;    /* 1-based line of the file; 0: not about a line */
	unsigned int column;  /* 1-based byte column in that line; 0: the line as a whole */
	const char *expected; /* what would have been right (a string constant), or NULL */
	char text[768];       /* what is wrong, one line, without a final newline or full stop */
};

/** Fills in *err (which may be NULL) and returns code, so that callers can `return err_set(...)`.
 */
int err_set(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** As err_set(), and says what would have been right. `expected` must be a string constant. */
int err_expected(struct err *err, int code, const char *expected, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/** Puts "what: " in front of the text that is there. Returns err's code (-EINVAL if err is NULL).
 */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
