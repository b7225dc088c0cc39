/*
 * The TUN interface: see tun.h. Most packets fit a small packet of the pool, but one may have up to
 * 64 KiB, so each is read into a small packet first and whatever exceeds it into a scratch area,
 * from where it is gathered into a large packet.
 * Owns its descriptor and the packet that waits to be read into. One thread.
 */
#include "datapath/host/tun.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

#define TUN_DEVICE "/dev/net/tun"

struct tun {
	int fd;
	char name[IFNAMSIZ];
	struct packet_pool *pool;
	struct packet *spare; /* the next to read into; NULL: get one */
	uint8_t scratch[PACKET_MAX_LEN];
};

int tun_check_name(const char *name, struct err *err)
{
	const char *c;

	if (!*name)
		return err_set(err, -EINVAL, "the interface name is empty");
	if (strlen(name) >= IFNAMSIZ)
		return err_set(err, -EINVAL, "%s: interface name is longer than %d characters",
			       name, IFNAMSIZ - 1);
	for (c = name; *c; c++)
		/* "%" would make the kernel choose a number. */
		if (isspace((unsigned char)*c) || *c == '/' || *c == ':' || *c == '%')
			break;
	if (*c || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set(err, -EINVAL, "%s: not a valid interface name", name);
	return 0;
}

static int open_device(const char *name, struct err *err)
{
	int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	switch (errno) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return err_set(err, -errno,
			       "%s: " TUN_DEVICE " is missing: load the kernel module tun, or give "
			       "the container the device " TUN_DEVICE,
			       name);
	case EACCES:
	case EPERM:
		return err_set(err, -errno,
			       "%s: no permission to open " TUN_DEVICE ": run as root, or give the "
			       "container the device " TUN_DEVICE,
			       name);
	}
	return err_set(err, -errno, "%s: " TUN_DEVICE ": %s", name, strerror(errno));
}

/* What the kernel means when it does not give us the interface. */
static int explain_refusal(const char *name, int code, struct err *err)
{
	if (code == EPERM || code == EACCES)
		return err_set(err, -code,
			       "%s: no permission to create an interface: run as root or with "
			       "CAP_NET_ADMIN",
			       name);
	if (code == EBUSY)
		return err_set(err, -code, "%s: already in use by another program", name);
	if (if_nametoindex(name))
		return err_set(err, -EEXIST, "%s: already exists, and is not a free TUN interface",
			       name);
	return err_set(err, -code, "%s: %s", name, strerror(code));
}

static int set_mtu(const char *name, int mtu_bytes, struct err *err)
{
	AUTO(auto_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_mtu = mtu_bytes };

	strcpy(request.ifr_name, name);
	if (fd < 0 || ioctl(fd, SIOCSIFMTU, &request))
		return err_set(err, -errno, "%s: MTU %d: %s", name, mtu_bytes, strerror(errno));
	return 0;
}

static struct tun *wrap(int fd, const char *name, struct packet_pool *pool)
{
	struct tun *tun = mem_alloc(1, sizeof(*tun));

	/* An interface that was there before may still leave checksums and segmentation to a
	 * program that used it then: what we cannot do for it the kernel shall do. */
	ioctl(fd, TUNSETOFFLOAD, 0);
	tun->fd = fd;
	tun->pool = pool;
	strcpy(tun->name, name);
	return tun;
}

int tun_new(struct tun **out, const char *name, struct packet_pool *pool, struct err *err)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	bool is_ours;
	int fd, r = tun_check_name(name, err);

	if (r)
		return r;
	fd = open_device(name, err);
	if (fd < 0)
		return fd;
	strcpy(request.ifr_name, name);
	is_ours = !if_nametoindex(name);
	if (ioctl(fd, TUNSETIFF, &request))
		r = explain_refusal(name, errno, err);
	else if (is_ours)
		r = set_mtu(name, TUN_MTU_BYTES, err);
	if (r) {
		close(fd);
		return r;
	}
	*out = wrap(fd, name, pool);
	return 0;
}

int tun_new_from_fd(struct tun **out, int fd, struct packet_pool *pool, struct err *err)
{
	struct ifreq request = { 0 };
	int flags;

	if (ioctl(fd, TUNGETIFF, &request))
		return err_set(err, -EINVAL, "descriptor %d is no TUN interface", fd);
	/* Whether it has IFF_NO_PI cannot be told: that bit is IFF_NOFILTER here. */
	if ((request.ifr_flags & (IFF_TUN | IFF_VNET_HDR)) != IFF_TUN)
		return err_set(err, -EINVAL,
			       "descriptor %d is no TUN interface without IFF_VNET_HDR", fd);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return err_set(err, -errno, "descriptor %d: %s", fd, strerror(errno));
	request.ifr_name[IFNAMSIZ - 1] = '\0';
	*out = wrap(fd, request.ifr_name, pool);
	return 0;
}

void tun_free(struct tun *tun)
{
	if (!tun)
		return;
	if (tun->spare)
		packet_free(tun->spare);
	close(tun->fd);
	mem_wipe(tun, sizeof(*tun)); /* the scratch area held packets */
	free(tun);
}

int tun_fd(const struct tun *tun)
{
	return tun->fd;
}

const char *tun_name(const struct tun *tun)
{
	return tun->name;
}

int tun_current_name(const struct tun *tun, char out[static IFNAMSIZ])
{
	struct ifreq request = { 0 };

	if (ioctl(tun->fd, TUNGETIFF, &request))
		return -1;
	memcpy(out, request.ifr_name, IFNAMSIZ);
	out[IFNAMSIZ - 1] = '\0';
	return 0;
}

int tun_open_netns(const struct tun *tun)
{
	int fd = ioctl(tun->fd, TUNGETDEVNETNS);
	struct stat its, ours;

	if (fd < 0)
		return -1;
	if (!fstat(fd, &its) && !stat("/proc/self/ns/net", &ours) && its.st_ino != ours.st_ino)
		return fd;
	close(fd);
	return -1;
}

/* A packet of `len` bytes, of which the first part is in `small` (taken over) and the rest in the
 * scratch area. NULL when there is no memory. */
static struct packet *gather(struct tun *tun, struct packet *small, size_t len)
{
	struct packet *large = packet_new(tun->pool, len);
	size_t first = small->len;

	if (large) {
		memcpy(large->data, small->data, first);
		memcpy(large->data + first, tun->scratch, len - first);
	}
	packet_free(small);
	return large;
}

int tun_read(struct tun *tun, struct packet_queue *out)
{
	for (int n = 0; n < TUN_BATCH; n++) {
		struct packet *packet = tun->spare;
		struct iovec parts[2] = { { 0 }, { tun->scratch, sizeof(tun->scratch) } };
		ssize_t got;

		if (!packet)
			packet = tun->spare = packet_new(tun->pool, PACKET_SMALL_LEN);
		/* Without memory it must be read all the same, or the kernel would call again
		 * and again. */
		if (packet)
			parts[0] = (struct iovec){ packet->data, packet->len };
		got = readv(tun->fd, parts, 2);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (got < 0)
			return -errno;
		if (!packet)
			continue;
		tun->spare = NULL;
		if ((size_t)got > packet->len)
			packet = gather(tun, packet, (size_t)got);
		else
			packet->len = (size_t)got;
		if (packet)
			packet_queue_push(out, packet);
	}
	return 0;
}

void tun_write(struct tun *tun, struct packet_queue *in)
{
	struct packet *packet;

	while ((packet = packet_queue_pop(in))) {
		ssize_t put;

		do
			put = write(tun->fd, packet->data, packet->len);
		while (put < 0 && errno == EINTR);
		packet_free(packet);
	}
}
