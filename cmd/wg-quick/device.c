/*
 * Making and deleting the device. A userspace program makes the interface (a TUN) and its socket,
 * goes into the background, and ends when the interface is deleted. Stateless.
 */
#include "cmd/wg-quick/device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/process.h"
#include "lib/netlink/link.h"
#include "lib/uapi/client.h"
#include "lib/util/cleanup.h"
#include "lib/util/clock.h"
#include "lib/util/strbuf.h"

#define TUN_DEVICE "/dev/net/tun"
#define IMPLEMENTATION_VARIABLE "WG_QUICK_IMPLEMENTATION"

#define FALLING_BACK                            \
	"[!] Missing WireGuard kernel module. " \
	"Falling back to slow userspace implementation."

/* A program that has not ended by then is not going to. */
#define DAEMON_END SEC(5)

/* Finds out in advance what would else be told in as many ways as there are programs. */
static int check_tun(struct err *err)
{
	AUTO(auto_close) int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return 0;
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return err_set(err, -errno,
			       TUN_DEVICE ": %s: run `modprobe tun', or start the container with "
					  "--device " TUN_DEVICE,
			       strerror(errno));
	case EPERM: /* by the container's rules for devices */
		return err_set(err, -errno,
			       TUN_DEVICE ": %s: start the container with --device " TUN_DEVICE,
			       strerror(errno));
	default:
		return err_set(err, -errno, TUN_DEVICE ": %s", strerror(errno));
	}
}

/* Waits until the other side hangs up, or the deadline. */
static void wait_for_hangup(int connection, mono_ns deadline)
{
	struct pollfd event = { .fd = connection, .events = POLLRDHUP };
	span_ns left;

	do
		left = deadline - clock_now().mono;
	while (left > 0 && poll(&event, 1, (int)(left / MSEC(1)) + 1) < 0 && errno == EINTR);
}

/*
 * The kernel closes the daemon's end of a connection when the daemon is no more. A daemon may close
 * it earlier than that, so it has ended when there is nobody to connect to. One that left its
 * socket behind is cleaned up after by that, too.
 */
static int wait_for_end(const char *interface, int connection, struct err *err)
{
	static const struct timespec moment = { .tv_nsec = MSEC(1) };
	const mono_ns deadline = clock_now().mono + DAEMON_END;

	wait_for_hangup(connection, deadline);
	while (clock_now().mono < deadline) {
		AUTO(auto_close) int again = uapi_connect(interface);

		if (again < 0)
			return 0;
		wait_for_hangup(again, deadline);
		nanosleep(&moment, NULL);
	}
	return err_set(err, -ETIMEDOUT, "the program that provided `%s' has not ended within %d s",
		       interface, (int)(DAEMON_END / SEC(1)));
}

/* A daemon whose interface is not here, but renamed or in another namespace, can be reached all the
 * same: it ends when its socket's file is removed, and takes the interface along. */
static int end_daemon(const char *interface, struct err *err)
{
	char path[sizeof(UAPI_SOCKET_DIR) + IFNAMSIZ + sizeof("/.sock")];

	snprintf(path, sizeof(path), UAPI_SOCKET_DIR "/%s.sock", interface);
	cli_say("[#] rm -f %s", path);
	if (unlink(path) && errno != ENOENT)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

int device_delete(const char *interface, struct err *err)
{
	AUTO(auto_close) int connection = uapi_connect(interface);
	int r = link_delete(interface, err);

	if (r == -ENODEV)
		r = connection < 0 ? 0 : end_daemon(interface, err);
	if (r || connection < 0)
		return r;
	return wait_for_end(interface, connection, err);
}

int device_choose(enum device_implementation *out, struct err *err)
{
	static const char *const names[] = {
		[DEVICE_IMPLEMENTATION_AUTO] = "auto",
		[DEVICE_IMPLEMENTATION_KERNEL] = "kernel",
		[DEVICE_IMPLEMENTATION_USERSPACE] = "userspace",
	};
	const char *text = getenv(IMPLEMENTATION_VARIABLE);

	*out = DEVICE_IMPLEMENTATION_AUTO;
	if (!text || !text[0])
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], text)) {
			*out = (enum device_implementation)i;
			return 0;
		}
	return err_expected(err, -EINVAL, "auto, kernel or userspace",
			    "Unable to parse " IMPLEMENTATION_VARIABLE ": `%.200s'", text);
}

static const char *choose_program(void)
{
	const char *program = getenv("WG_QUICK_USERSPACE_IMPLEMENTATION");

	return program && program[0] ? program : "wg-datapath";
}

static int start_daemon(const char *interface, struct err *err)
{
	const char *program = choose_program();
	struct link_info link;
	int r;

	char *const argv[] = { (char *)program, (char *)interface, NULL };

	cli_say("[#] %s %s", program, interface);
	r = process_run_apart(argv, err);
	if (r < 0)
		return r;
	if (r > 0)
		return err_set(err, -ECHILD, "`%s %s' failed with exit status %d", program,
			       interface, r);
	if (!link_get(&link, interface, NULL))
		return 0;
	device_delete(interface, NULL); /* there may be a daemon all the same */
	return err_set(err, -ECHILD, "`%s %s' made no interface", program, interface);
}

static int refuse_kernel(const char *interface, struct err *err)
{
	return err_set(err, -EOPNOTSUPP, "cannot create `%s': this kernel has no WireGuard: %s",
		       interface, strerror(EOPNOTSUPP));
}

int device_add(const char *interface, enum device_implementation implementation, struct err *err)
{
	int r;

	if (implementation != DEVICE_IMPLEMENTATION_USERSPACE) {
		r = link_add_wireguard(interface, err);
		if (r == -EOPNOTSUPP && implementation == DEVICE_IMPLEMENTATION_KERNEL)
			return refuse_kernel(interface, err);
		if (r != -EOPNOTSUPP)
			return r;
	}
	r = check_tun(err);
	if (r)
		return r;
	if (implementation == DEVICE_IMPLEMENTATION_AUTO)
		cli_say(FALLING_BACK);
	return start_daemon(interface, err);
}

/* Whether a list of the kernel's modules, such as modules.dep, has WireGuard. */
static bool has_module(const char *list)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	AUTO(auto_fclose) FILE *file = NULL;
	AUTO(auto_free) char *line = NULL;
	struct utsname name;
	size_t cap = 0;

	if (uname(&name))
		return false;
	strbuf_addf(&path, "/lib/modules/%s/%s", name.release, list);
	file = fopen(strbuf_text(&path), "re");
	while (file && getline(&line, &cap, file) >= 0) {
		line[strcspn(line, ":\n")] = '\0'; /* what follows is what a module needs */
		if (strstr(line, "/wireguard.ko"))
			return true;
	}
	return false;
}

enum device_driver device_find_driver(void)
{
	if (!access("/sys/module/wireguard", F_OK) || has_module("modules.builtin"))
		return DEVICE_DRIVER_THERE;
	return has_module("modules.dep") ? DEVICE_DRIVER_LOADABLE : DEVICE_DRIVER_NONE;
}

int device_foresee_add(struct strlist *told, const char *interface,
		       enum device_implementation implementation, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf line = { 0 };
	const char *program = choose_program();
	int r;

	if (implementation != DEVICE_IMPLEMENTATION_USERSPACE) {
		strbuf_addf(&line, "[#] ip link add dev %s type wireguard", interface);
		strlist_add(told, strbuf_text(&line));
		if (device_find_driver() != DEVICE_DRIVER_NONE)
			return 0;
		if (implementation == DEVICE_IMPLEMENTATION_KERNEL)
			return refuse_kernel(interface, err);
	}
	r = check_tun(err);
	if (r)
		return r;
	if (strchr(program, '/') ? access(program, X_OK) : !process_find(NULL, program))
		return err_set(err, -ENOENT, "cannot run `%s': %s", program, strerror(ENOENT));
	if (implementation == DEVICE_IMPLEMENTATION_AUTO)
		strlist_add(told, FALLING_BACK);
	strbuf_clear(&line);
	strbuf_addf(&line, "[#] %s %s", program, interface);
	strlist_add(told, strbuf_text(&line));
	return 0;
}

void device_foresee_delete(struct strbuf *out, const char *interface)
{
	if (link_get(&(struct link_info){ 0 }, interface, NULL) == -ENODEV)
		strbuf_addf(out, "rm -f " UAPI_SOCKET_DIR "/%s.sock", interface);
	else
		strbuf_addf(out, "ip link delete dev %s", interface);
}
