/*
 * The TUN interface: see tun.h. With IFF_VNET_HDR a header in front of each packet says what is
 * left to whom: TCP and UDP come in pieces of up to 64 KiB with half a checksum, to be cut into
 * packets (split.h), and may be handed back in such pieces (coalesce.h).
 * Most packets fit a small packet of the pool, so each is read into one of them first and whatever
 * exceeds it into a buffer, in which larger ones are made whole.
 * Owns its descriptor and the packet that waits to be read into. One thread.
 */
#include "datapath/host/tun.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "datapath/host/coalesce.h"
#include "datapath/host/offload.h"
#include "datapath/host/split.h"
#include "lib/util/cleanup.h"
#include "lib/util/mem.h"

#define TUN_DEVICE "/dev/net/tun"

/* The queues of one interface. */
struct queues {
	int fds[TUN_QUEUES_MAX];
	atomic_uint n;
};

struct tun {
	int fd;
	char name[IFNAMSIZ];
	bool has_header; /* IFF_VNET_HDR */
	bool has_queues; /* IFF_MULTI_QUEUE */
	struct queues *queues;
	bool owns_queues; /* is the first of them */
	struct packet_pool *pool;
	struct packet *spare; /* the next to read into; NULL: get one */
	uint8_t buffer[PACKET_MAX_LEN];
	struct coalescer *coalescer; /* NULL: packets are written one by one */
	struct iovec parts[COALESCE_TCP_MAX + 1];
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

/* ---- offloads ---- */

/* Has the kernel leave to us what is wanted of it. What it has all kernels have had for long but
 * for UDP, which came with 6.2. */
static void set_offload(struct tun *tun, const struct features *wanted)
{
	const unsigned int tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	const unsigned int uso = TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6;
	const bool has_uso = !ioctl(tun->fd, TUNSETOFFLOAD, tso | uso);
	unsigned int flags = 0;

	if (wanted->tun_tso)
		flags |= tso;
	if (wanted->tun_uso && has_uso)
		flags |= uso;
	/* An interface that was there before may still leave something to a program that used it
	 * then: what we cannot do for it the kernel shall do. */
	if (ioctl(tun->fd, TUNSETOFFLOAD, flags))
		ioctl(tun->fd, TUNSETOFFLOAD, 0);
	if (wanted->tun_gro) {
		tun->coalescer = mem_alloc(1, sizeof(*tun->coalescer));
		coalescer_init(tun->coalescer, has_uso ? COALESCE_UDP_MAX : 0);
	}
}

/* A program that had the interface before may have left the header longer than it is here. */
static bool prepare_header(int fd)
{
	const int len = sizeof(struct virtio_net_hdr), little_endian = 0;

	ioctl(fd, TUNSETVNETLE, &little_endian);
	return !ioctl(fd, TUNSETVNETHDRSZ, &len);
}

static struct tun *wrap(int fd, const char *name, struct packet_pool *pool, bool has_header,
			const struct features *wanted)
{
	struct tun *tun = mem_alloc(1, sizeof(*tun));

	tun->fd = fd;
	tun->pool = pool;
	strcpy(tun->name, name);
	tun->has_header = has_header;
	tun->queues = mem_alloc(1, sizeof(*tun->queues));
	tun->owns_queues = true;
	tun->queues->fds[0] = fd;
	tun->queues->n = 1;
	if (has_header)
		set_offload(tun, wanted);
	else
		ioctl(fd, TUNSETOFFLOAD, 0);
	return tun;
}

/* ---- life ---- */

static bool wants_header(const struct features *wanted)
{
	return wanted->tun_tso || wanted->tun_uso || wanted->tun_gro;
}

/* A descriptor of the interface `name`, made if it is not there. Negative errno. */
static int attach(const char *name, int flags, struct err *err)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | flags) };
	int fd = open_device(name, err), code = 0;

	if (fd < 0)
		return fd;
	strcpy(request.ifr_name, name);
	if (ioctl(fd, TUNSETIFF, &request))
		code = errno;
	else if (flags & IFF_VNET_HDR && !prepare_header(fd))
		code = errno;
	if (!code)
		return fd;
	close(fd);
	return explain_refusal(name, code, err);
}

static int open_interface(struct tun **out, const char *name, int flags, struct packet_pool *pool,
			  const struct features *wanted, struct err *err)
{
	const bool has_header = wants_header(wanted), is_ours = !if_nametoindex(name);
	int fd, r;

	if (has_header)
		flags |= IFF_VNET_HDR;
	fd = attach(name, flags, err);
	if (fd < 0)
		return fd;
	r = is_ours ? set_mtu(name, TUN_MTU_BYTES, err) : 0;
	if (r) {
		close(fd);
		return r;
	}
	*out = wrap(fd, name, pool, has_header, wanted);
	(*out)->has_queues = flags & IFF_MULTI_QUEUE;
	return 0;
}

int tun_new(struct tun **out, const char *name, struct packet_pool *pool,
	    const struct features *wanted, struct err *err)
{
	int r = tun_check_name(name, err);

	return r ? r : open_interface(out, name, 0, pool, wanted, err);
}

int tun_new_with_queues(struct tun **out, const char *name, struct packet_pool *pool,
			const struct features *wanted, struct err *err)
{
	int r = tun_check_name(name, err);

	if (r)
		return r;
	/* One that is there is for one queue or for many, and if it is for many, the kernel does
	 * not tell whether somebody uses it. */
	return open_interface(out, name, if_nametoindex(name) ? 0 : IFF_MULTI_QUEUE, pool, wanted,
			      err);
}

bool tun_has_queues(const struct tun *tun)
{
	return tun->has_queues;
}

int tun_new_queue(struct tun **out, const struct tun *first, struct packet_pool *pool,
		  const struct features *wanted, struct err *err)
{
	unsigned int n = first->queues->n;
	int r;

	assert(first->has_queues && n < TUN_QUEUES_MAX);
	r = open_interface(out, first->name, IFF_MULTI_QUEUE, pool, wanted, err);
	if (r)
		return r;
	free((*out)->queues);
	(*out)->owns_queues = false;
	(*out)->queues = first->queues;
	first->queues->fds[n] = (*out)->fd;
	first->queues->n = n + 1;
	return 0;
}

int tun_new_from_fd(struct tun **out, int fd, struct packet_pool *pool,
		    const struct features *wanted, struct err *err)
{
	struct ifreq request = { 0 };
	bool has_header;
	int flags;

	if (ioctl(fd, TUNGETIFF, &request))
		return err_set(err, -EINVAL, "descriptor %d is no TUN interface", fd);
	/* Whether it has IFF_NO_PI cannot be told: that bit is IFF_NOFILTER here. */
	if (!(request.ifr_flags & IFF_TUN))
		return err_set(err, -EINVAL, "descriptor %d is no TUN interface, but a TAP one",
			       fd);
	has_header = request.ifr_flags & IFF_VNET_HDR;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC) ||
	    (has_header && !prepare_header(fd)))
		return err_set(err, -errno, "descriptor %d: %s", fd, strerror(errno));
	request.ifr_name[IFNAMSIZ - 1] = '\0';
	*out = wrap(fd, request.ifr_name, pool, has_header, wanted);
	return 0;
}

void tun_free(struct tun *tun)
{
	if (!tun)
		return;
	packet_free(tun->spare);
	if (tun->coalescer)
		coalescer_fini(tun->coalescer);
	free(tun->coalescer);
	if (tun->owns_queues)
		free(tun->queues);
	close(tun->fd);
	mem_wipe(tun, sizeof(*tun)); /* the buffer held packets */
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

/* ---- packets ---- */

/* A packet of `len` bytes that is in the buffer. NULL when there is no memory. */
static struct packet *copy_out(struct tun *tun, size_t len)
{
	struct packet *packet = packet_new(tun->pool, len);

	if (packet)
		memcpy(packet->data, tun->buffer, len);
	return packet;
}

/* Takes what was read, `len` bytes, of which the first are in the spare packet. */
static void take_read(struct tun *tun, struct packet_queue *out,
		      const struct virtio_net_hdr *header, size_t len)
{
	struct packet *packet = tun->spare;
	const bool is_cut = header->gso_type != VIRTIO_NET_HDR_GSO_NONE;

	if (!packet)
		return;
	if (is_cut || len > PACKET_SMALL_LEN) {
		memcpy(tun->buffer, packet->data, len < PACKET_SMALL_LEN ? len : PACKET_SMALL_LEN);
		if (is_cut) {
			split(out, tun->pool, header, tun->buffer, len);
			return;
		}
		packet = copy_out(tun, len);
		if (!packet)
			return;
	} else {
		tun->spare = NULL;
		packet->len = len;
	}
	split_finish_checksum(header, packet->data, packet->len);
	packet_queue_push(out, packet);
}

int tun_read(struct tun *tun, struct packet_queue *out)
{
	const size_t header_len = tun->has_header ? sizeof(struct virtio_net_hdr) : 0;
	const size_t before = out->n;

	for (int n = 0; n < TUN_READS && out->n - before < TUN_READ_PACKETS; n++) {
		struct virtio_net_hdr header = { 0 };
		struct iovec parts[] = {
			{ &header, header_len },
			{ tun->buffer, PACKET_SMALL_LEN },
			{ tun->buffer + PACKET_SMALL_LEN, sizeof(tun->buffer) - PACKET_SMALL_LEN },
		};
		ssize_t got;

		if (!tun->spare)
			tun->spare = packet_new(tun->pool, PACKET_SMALL_LEN);
		/* Without memory it must be read all the same, or the kernel would call again
		 * and again. */
		if (tun->spare)
			parts[1].iov_base = tun->spare->data;
		got = readv(tun->fd, parts, 3);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (got < 0)
			return -errno;
		if ((size_t)got >= header_len)
			take_read(tun, out, &header, (size_t)got - header_len);
	}
	return 0;
}

/* Writes what stands in the parts, all of it or nothing. */
static void put(int fd, const struct iovec *parts, size_t n_parts)
{
	ssize_t done;

	do
		done = writev(fd, parts, (int)n_parts);
	while (done < 0 && errno == EINTR);
}

static void write_one(struct tun *tun, struct packet *packet)
{
	struct virtio_net_hdr header = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };
	const struct iovec parts[] = {
		{ &header, tun->has_header ? sizeof(header) : 0 },
		{ packet->data, packet->len },
	};

	put(tun->fd, parts, 2);
	packet_free(packet);
}

/*
 * The kernel reads a flow out of the queue that its other direction was written to. All that comes
 * from one peer comes to one thread: if that wrote it all to its own queue, it would have all the
 * other direction's work, too.
 */
static int queue_for(const struct tun *tun, uint64_t flow)
{
	const struct queues *queues = tun->queues;

	return queues->fds[(flow >> 32) % queues->n];
}

static void write_super(struct tun *tun, struct super_packet *super)
{
	struct packet *packet = super->packets.first;
	size_t n = 0;

	tun->parts[n++] = (struct iovec){ &super->header, sizeof(super->header) };
	tun->parts[n++] = (struct iovec){ packet->data, packet->len };
	while ((packet = packet->next))
		tun->parts[n++] = (struct iovec){ packet->data + super->header_len,
						  packet->len - super->header_len };
	put(queue_for(tun, super->flow), tun->parts, n);
	packet_queue_drop(&super->packets);
}

void tun_write(struct tun *tun, struct packet_queue *in)
{
	struct super_packet super;
	struct packet *packet;

	if (!tun->coalescer) {
		while ((packet = packet_queue_pop(in)))
			write_one(tun, packet);
		return;
	}
	coalescer_add_all(tun->coalescer, in);
	while (coalescer_pop(tun->coalescer, &super))
		write_super(tun, &super);
}
