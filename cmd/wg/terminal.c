/*
 * The terminal as a screen of its own: see terminal.h. It is opened once more for writing, so as
 * not to block without making it so for others who share it. The one that is entered is also known
 * to a handler for signals that end the program by accident.
 */
#include "cmd/wg/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/util/cleanup.h"

/* Alternate screen, no cursor, no wrapping at the right edge. */
#define ENTER "\033[?1049h"
#define MODES "\033[?25l\033[?7l"
/* The first ends what a sequence that was cut off began. */
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"
#define HOME "\033[H"

enum {
	ESCAPE_MS = 50, /* what a key sends after an escape comes by then */
	LEAVE_MS = 500, /* for a terminal that takes nothing more */
};

static const int accidents[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL };
static const struct terminal *entered;

bool terminal_is_fit(void)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb") != 0 && isatty(STDOUT_FILENO);
}

void terminal_await(void)
{
	struct termios modes;

	/* To set what is set already has the kernel stop whoever is in the background. */
	if (!tcgetattr(STDOUT_FILENO, &modes))
		tcsetattr(STDOUT_FILENO, TCSANOW, &modes);
}

int terminal_open(struct terminal *terminal, struct err *err)
{
	*terminal = (struct terminal){ .in = STDIN_FILENO, .out = -1 };
	if (tcgetattr(STDOUT_FILENO, &terminal->before))
		return err_set(err, -errno, "terminal: %s", strerror(errno));
	if (!isatty(STDIN_FILENO))
		terminal->in = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	terminal->out = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (terminal->out < 0)
		terminal->out = STDOUT_FILENO;
	return 0;
}

void terminal_fini(struct terminal *terminal)
{
	terminal_leave(terminal);
	strbuf_fini(&terminal->queue);
	if (terminal->in > STDERR_FILENO)
		close(terminal->in);
	if (terminal->out > STDERR_FILENO)
		close(terminal->out);
}

/* Only what a signal handler may call. */
static void die_tidily(int signal)
{
	if (entered) {
		ssize_t written = write(entered->out, LEAVE, sizeof(LEAVE) - 1);

		(void)written;
		tcsetattr(STDOUT_FILENO, TCSANOW, &entered->before);
	}
	raise(signal); /* its default is back: SA_RESETHAND */
}

static void set_accidents(bool tidily)
{
	for (size_t i = 0; i < sizeof(accidents) / sizeof(*accidents); i++) {
		const struct sigaction action = {
			.sa_handler = tidily ? die_tidily : SIG_DFL,
			.sa_flags = (int)(tidily ? SA_RESETHAND : 0),
		};

		sigaction(accidents[i], &action, NULL);
	}
}

static int set_modes(const struct terminal *terminal)
{
	struct termios modes = terminal->before;

	/* Keys that interrupt and suspend still do; none stops the output. */
	modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL | IEXTEN);
	modes.c_lflag |= ISIG;
	modes.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR | IGNCR);
	modes.c_oflag |= OPOST | ONLCR;
	modes.c_cc[VMIN] = 0;
	modes.c_cc[VTIME] = 0;
	return tcsetattr(STDOUT_FILENO, TCSANOW, &modes);
}

int terminal_enter(struct terminal *terminal, struct err *err)
{
	if (tcgetattr(STDOUT_FILENO, &terminal->before) || set_modes(terminal))
		return err_set(err, -errno, "terminal: %s", strerror(errno));
	terminal->is_entered = true;
	entered = terminal;
	set_accidents(true);
	strbuf_clear(&terminal->queue);
	terminal->written = 0;
	strbuf_add(&terminal->queue, ENTER MODES);
	terminal_flush(terminal);
	return 0;
}

void terminal_leave(struct terminal *terminal)
{
	struct pollfd room = { .fd = terminal->out, .events = POLLOUT };

	if (!terminal->is_entered)
		return;
	strbuf_clear(&terminal->queue);
	terminal->written = 0;
	strbuf_add(&terminal->queue, LEAVE);
	while (!terminal_flush(terminal) && terminal_is_behind(terminal))
		if (poll(&room, 1, LEAVE_MS) <= 0)
			break;
	tcsetattr(STDOUT_FILENO, TCSANOW, &terminal->before);
	terminal->is_entered = false;
	set_accidents(false);
	entered = NULL;
}

void terminal_resume(struct terminal *terminal)
{
	if (!terminal->is_entered)
		return;
	set_modes(terminal);
	strbuf_add(&terminal->queue, MODES);
	terminal_flush(terminal);
}

void terminal_size(unsigned int *width, unsigned int *height)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row)
		size = (struct winsize){ .ws_col = 80, .ws_row = 24 };
	*width = size.ws_col;
	*height = size.ws_row;
}

bool terminal_draw(struct terminal *terminal, const struct strbuf *screen)
{
	if (terminal_is_behind(terminal))
		return false;
	strbuf_clear(&terminal->queue);
	terminal->written = 0;
	strbuf_add(&terminal->queue, HOME);
	strbuf_add_mem(&terminal->queue, strbuf_text(screen), screen->len);
	terminal_flush(terminal);
	return true;
}

bool terminal_is_behind(const struct terminal *terminal)
{
	return terminal->written < terminal->queue.len;
}

int terminal_flush(struct terminal *terminal)
{
	while (terminal_is_behind(terminal)) {
		ssize_t n = write(terminal->out, terminal->queue.text + terminal->written,
				  terminal->queue.len - terminal->written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return -errno;
		terminal->written += (size_t)n;
	}
	return 0;
}

int terminal_read(struct terminal *terminal)
{
	ssize_t n = read(terminal->in, terminal->typed + terminal->n_typed,
			 sizeof(terminal->typed) - terminal->n_typed);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	terminal->n_typed += (size_t)n;
	return 0;
}

bool terminal_key(struct terminal *terminal, enum watch_key *key)
{
	struct pollfd more = { .fd = terminal->in, .events = POLLIN };
	bool is_all = terminal->n_typed == sizeof(terminal->typed);
	size_t used;

	while (terminal->n_typed) {
		used = watch_keys_parse(key, terminal->typed, terminal->n_typed, is_all);
		if (used) {
			terminal->n_typed -= used;
			memmove(terminal->typed, terminal->typed + used, terminal->n_typed);
			return true;
		}
		is_all = poll(&more, 1, ESCAPE_MS) <= 0 || terminal_read(terminal) ||
			 terminal->n_typed == sizeof(terminal->typed);
	}
	return false;
}
