/*
 * Being in the right network namespace. In which one a process is, is global to it, and so is what
 * is kept here: open files of the namespaces that the configuration names. Named ones are those of
 * ip-netns(8).
 */
#include "cmd/wg-quick/netns.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/cli.h"
#include "cmd/wg-quick/process.h"
#include "lib/ipc/ipc.h"
#include "lib/netlink/link.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

#define NAMED_DIR "/run/netns/"
#define OWN "/proc/self/ns/net"

static int places[] = { [NETNS_HOME] = -1, [NETNS_BIRTH] = -1, [NETNS_TARGET] = -1 };
static bool is_elsewhere;
static char *current_name;      /* owned; NULL: it has none */
static const char *target_path; /* for messages; the configuration's */

/* Returns the open file, or a negative errno with *err filled in. `name` NULL: our own. */
static int open_namespace(const char *name, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf path = { 0 };
	bool is_named = name && !strchr(name, '/');
	int fd;

	strbuf_addf(&path, "%s%s", is_named ? NAMED_DIR : "", name ? name : OWN);
	fd = open(path.text, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && is_named)
		return err_set(err, -ENOENT,
			       "network namespace `%s' does not exist: `ip netns add %s' makes it",
			       name, name);
	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path.text, strerror(errno));
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		close(fd);
		return err_set(err, -EINVAL, "%s: this is no network namespace", path.text);
	}
	return fd;
}

static int open_all(const struct conf_quick *quick, struct err *err)
{
	const char *const names[] = { [NETNS_HOME] = NULL,
				      [NETNS_BIRTH] = quick->birth_netns,
				      [NETNS_TARGET] = quick->netns };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		places[i] = open_namespace(names[i], err);
		if (places[i] < 0)
			return places[i];
	}
	return 0;
}

static void close_all(void)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		auto_close(&places[i]);
		places[i] = -1;
	}
}

int netns_enter(const struct conf_quick *quick, struct err *err)
{
	int r;

	assert(places[NETNS_HOME] < 0);
	if (!quick->netns && !quick->birth_netns)
		return 0;
	r = open_all(quick, err);
	/* To go there and back once tells whether that is allowed. */
	if (!r &&
	    (setns(places[NETNS_BIRTH], CLONE_NEWNET) || setns(places[NETNS_TARGET], CLONE_NEWNET)))
		r = err_set(err, -errno, "cannot enter the network namespace `%s': %s",
			    quick->netns ? quick->netns : quick->birth_netns, strerror(errno));
	if (r) {
		close_all();
		return r;
	}
	is_elsewhere = quick->netns;
	target_path = quick->netns ? quick->netns : OWN;
	if (quick->netns && !strchr(quick->netns, '/'))
		current_name = mem_strdup(quick->netns);
	return 0;
}

void netns_go(enum netns_place place)
{
	int r;

	if (places[place] < 0)
		return;
	r = setns(places[place], CLONE_NEWNET);
	assert(!r); /* it could be done before, by the same file */
}

int netns_check_dns(const struct conf_quick *quick, struct err *err)
{
	if (!quick->netns || !strchr(quick->netns, '/') || !quick->dns_servers.n)
		return 0;
	return err_set(err, -EINVAL,
		       "DNS takes a Namespace with a name, whose /etc/netns/NAME/resolv.conf it "
		       "goes to");
}

bool netns_is_elsewhere(void)
{
	return is_elsewhere;
}

const char *netns_name(void)
{
	return current_name;
}

/* A daemon may still be about to look at its interface, and end when it has gone elsewhere. In a
 * process of its own, since one that does not answer keeps it waiting for ever. */
static int wait_for_answer(void *ctx)
{
	AUTO(wg_device_auto_free) struct wg_device *device = NULL;

	return ipc_get(&device, ctx, NULL) ? 1 : 0;
}

void netns_foresee_move(struct strbuf *out, const char *interface)
{
	if (places[NETNS_TARGET] >= 0)
		strbuf_addf(out, "ip link set dev %s netns %s", interface,
			    current_name ? current_name : target_path);
}

static int move_device(const char *interface, struct err *err)
{
	AUTO(strbuf_fini) struct strbuf command = { 0 };
	int r = process_call(wait_for_answer, (void *)interface, err);

	if (r > 0)
		r = err_set(err, -ECHILD, "the program that provides `%s' does not answer",
			    interface);
	if (r)
		return r;
	netns_foresee_move(&command, interface);
	cli_say("[#] %s", strbuf_text(&command));
	return link_move(interface, places[NETNS_TARGET], err);
}

int netns_add_device(const char *interface, enum device_implementation implementation,
		     struct err *err)
{
	int r;

	if (places[NETNS_TARGET] < 0)
		return device_add(interface, implementation, err);
	netns_go(NETNS_BIRTH);
	r = device_add(interface, implementation, err);
	if (!r) {
		r = move_device(interface, err);
		if (r)
			device_delete(interface, NULL);
	}
	netns_go(NETNS_TARGET);
	return r;
}
