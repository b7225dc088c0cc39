/*
 * The UAPI server: see uapi_server.h. Each client has a small buffer for what it has sent, from
 * which whole lines are taken one by one; the lines of a set fill in one wg_device, which is
 * applied at the empty line that ends the request, or not at all. Nothing more is read from a
 * client that has yet to take an answer. That of a get is a description of the device, taken at one
 * moment, whose text is made piece by piece as the client takes it. The server owns its clients, a
 * client its buffers, the change that it is making and the description that it is given; what held
 * keys is wiped. One thread.
 */
#include "datapath/host/uapi_server.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/uapi/codec.h"
#include "lib/util/log.h"
#include "lib/util/mem.h"

/* Only when one more comes: those that could not be accepted (the process has no descriptor left)
 * must not keep the loop busy. */
#define LISTENING_EVENTS (EPOLLIN | EPOLLET)

enum {
	PIECE_LEN = 64 << 10, /* of an answer's text, made at a time */
	TURN_LEN = 1 << 20,   /* sent at a time, before others have their turn */
	/* Of a request or an answer: what it took lies scattered between what stays, and libc would
	 * keep it: malloc_trim() gives it back. */
	LARGE_LEN = 1 << 20,
};

/* What the next line of a client means. */
enum client_state {
	CLIENT_IDLE, /* begins an operation */
	CLIENT_GET,  /* after "get=1": must be empty */
	CLIENT_SET,  /* after "set=1": a line of the change, or the empty line that ends it */
};

struct client {
	struct client *next;
	struct uapi_server *server;
	struct loop_source source;
	enum client_state state;
	uint64_t active; /* when something last happened, by the server's count */

	char in[UAPI_MAX_LINE];
	size_t in_len;
	bool has_ended;    /* no more will come */
	bool is_long_line; /* what comes until the next newline belongs to a line too long */

	/* The request being read. */
	size_t request_len;
	int code; /* the first error in it */
	struct uapi_decoder decoder;

	struct strbuf out; /* not empty: there is an answer that was not taken yet */
	size_t out_at;     /* what was taken of it */
	/* The device whose text is to follow; NULL: nothing is. */
	struct wg_device *answer;
	struct wg_peers answer_peers;
	size_t answer_len; /* how much text it has made so far */
};

struct uapi_server {
	struct loop *loop;
	struct loop_source listening;
	struct uapi_handler handler;
	struct client *clients;
	unsigned int n_clients;
	uint64_t n_events; /* of all clients */
};

/* ---- operations ---- */

static void forget_change(struct client *client)
{
	wg_device_free(client->decoder.device);
	client->decoder = (struct uapi_decoder){ 0 };
}

static void begin(struct client *client, enum client_state state)
{
	client->state = state;
	client->request_len = 0;
	client->code = 0;
	if (state == CLIENT_SET)
		client->decoder.device = wg_device_new();
}

/* The first error of a request is the one that is answered; nothing of it will be applied. */
static void fail(struct client *client, const struct err *err)
{
	if (client->code)
		return;
	client->code = err->code;
	log_warn("configuration refused: %s", err->text);
	forget_change(client);
}

static void forget_answer(struct client *client)
{
	wg_peers_fini(&client->answer_peers);
	wg_device_free(client->answer);
	client->answer = NULL;
}

/* Makes the next piece of the answer's text. */
static void add_piece(struct client *client)
{
	const struct wg_peer *peer;

	while (client->out.len < PIECE_LEN) {
		peer = wg_peers_next(&client->answer_peers);
		if (!peer) {
			forget_answer(client);
			uapi_encode_errno(&client->out, true, 0);
			if (client->answer_len >= LARGE_LEN)
				malloc_trim(0);
			return;
		}
		uapi_encode_get_peer(&client->out, peer);
	}
	client->answer_len += client->out.len;
}

static void finish_get(struct client *client)
{
	const struct uapi_handler *handler = &client->server->handler;

	client->state = CLIENT_IDLE;
	if (client->code) {
		uapi_encode_errno(&client->out, true, client->code);
		return;
	}
	client->answer = handler->get(handler->ctx);
	client->answer_peers = (struct wg_peers){ .device = client->answer };
	client->answer_len = 0;
	uapi_encode_get_device(&client->out, client->answer);
	add_piece(client);
}

static void finish_set(struct client *client)
{
	const struct uapi_handler *handler = &client->server->handler;
	struct err err = { 0 };
	bool is_large;

	if (!client->code && handler->set(handler->ctx, client->decoder.device, &err))
		fail(client, &err);
	/* When all peers are replaced many may have gone. */
	is_large =
		client->request_len >= LARGE_LEN ||
		(client->decoder.device && client->decoder.device->flags & WG_DEVICE_REPLACE_PEERS);
	forget_change(client);
	if (is_large)
		malloc_trim(0);
	uapi_encode_errno(&client->out, false, client->code);
	client->state = CLIENT_IDLE;
}

static void take_set_line(struct client *client, char *line, size_t len)
{
	struct err err = { 0 };
	int r = 0;

	client->request_len += len;
	if (client->code)
		return;
	if (client->request_len > UAPI_MAX_REQUEST)
		r = err_set(&err, -EMSGSIZE, "a request of more than %d bytes", UAPI_MAX_REQUEST);
	else if (strlen(line) != len)
		r = err_set(&err, -EINVAL, "a line with a zero byte");
	else
		r = uapi_decode_set_line(&client->decoder, line, &err);
	if (r)
		fail(client, &err);
}

/* Takes one line, without its newline. Returns whether the client may stay. */
static bool take_line(struct client *client, char *line, size_t len)
{
	struct err err = { 0 };

	switch (client->state) {
	case CLIENT_IDLE:
		if (strlen(line) != len || (strcmp(line, "get=1") && strcmp(line, "set=1")))
			return false;
		begin(client, *line == 'g' ? CLIENT_GET : CLIENT_SET);
		break;
	case CLIENT_GET:
		if (!len) {
			finish_get(client);
			break;
		}
		err_set(&err, -EINVAL, "a get with more than its name");
		fail(client, &err);
		break;
	case CLIENT_SET:
		if (!len)
			finish_set(client);
		else
			take_set_line(client, line, len);
		break;
	}
	return true;
}

/* ---- connections ---- */

static void client_free(struct client *client)
{
	struct uapi_server *server = client->server;
	struct client **at = &server->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	server->n_clients--;
	loop_remove(server->loop, &client->source);
	close(client->source.fd);
	forget_change(client);
	forget_answer(client);
	strbuf_fini(&client->out);
	mem_wipe(client, sizeof(*client));
	free(client);
}

static void drop_input(struct client *client, size_t len)
{
	memmove(client->in, client->in + len, client->in_len - len);
	client->in_len -= len;
	mem_wipe(client->in + client->in_len, len);
}

/* A line that does not fit the buffer: a mistake within a set, else not our protocol. */
static bool take_long_line(struct client *client)
{
	struct err err = { 0 };

	if (client->state != CLIENT_SET)
		return false;
	err_set(&err, -EINVAL, "a line of more than %d bytes", UAPI_MAX_LINE);
	fail(client, &err);
	client->is_long_line = true;
	drop_input(client, client->in_len);
	return true;
}

/* Acts on the lines that are there, until one makes an answer. Returns whether the client may
 * stay. */
static bool take_lines(struct client *client)
{
	bool stays = true;
	size_t at = 0;

	while (stays && !client->out.len) {
		char *line = client->in + at;
		char *end = memchr(line, '\n', client->in_len - at);

		if (!end)
			break;
		*end = '\0';
		if (!client->is_long_line)
			stays = take_line(client, line, (size_t)(end - line));
		client->is_long_line = false;
		at = (size_t)(end - client->in) + 1;
	}
	drop_input(client, at);
	if (stays && !client->out.len && client->in_len == sizeof(client->in))
		stays = take_long_line(client);
	return stays;
}

/* The client will say no more. Returns whether it still waits for an answer. */
static bool take_end(struct client *client)
{
	struct err err = { 0 };

	if (client->state == CLIENT_IDLE)
		return false;
	/* Half a request is not applied, but answered. */
	err_set(&err, -EPROTO, "a request that breaks off");
	fail(client, &err);
	if (client->state == CLIENT_GET)
		finish_get(client);
	else
		finish_set(client);
	return true;
}

/* Sends what the client takes of its answer. Returns whether it may stay. */
static bool send_answer(struct client *client)
{
	for (size_t sent_len = 0; sent_len < TURN_LEN;) {
		ssize_t sent = send(client->source.fd, client->out.text + client->out_at,
				    client->out.len - client->out_at, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN;
		client->out_at += (size_t)sent;
		sent_len += (size_t)sent;
		if (client->out_at < client->out.len)
			continue;
		strbuf_clear(&client->out);
		client->out_at = 0;
		if (!client->answer) {
			strbuf_fini(&client->out);
			break;
		}
		add_piece(client);
	}
	return true;
}

/* Reads what fits. Returns whether the client may stay. */
static bool read_input(struct client *client)
{
	ssize_t got = read(client->source.fd, client->in + client->in_len,
			   sizeof(client->in) - client->in_len);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	client->has_ended = got == 0;
	client->in_len += (size_t)got;
	return true;
}

static void client_ready(struct loop_source *source, uint32_t events)
{
	struct client *client = source->ctx;
	bool stays = true;

	(void)events;
	client->active = ++client->server->n_events;
	if (client->out.len)
		stays = send_answer(client);
	else
		stays = read_input(client);
	/* Several requests may have come at once: each is answered before the next is read. */
	while (stays && !client->out.len) {
		stays = take_lines(client);
		if (stays && !client->out.len && client->has_ended)
			stays = take_end(client);
		if (!stays || !client->out.len)
			break;
		stays = send_answer(client);
	}
	if (!stays)
		client_free(client);
	else
		loop_modify(client->server->loop, source, client->out.len ? EPOLLOUT : EPOLLIN);
}

/* Programs that forget to close their connections must not keep out all others. */
static void make_room(struct uapi_server *server)
{
	struct client *client, *silent = server->clients;

	for (client = silent; client; client = client->next)
		if (client->active < silent->active)
			silent = client;
	if (silent)
		client_free(silent);
}

/* accept() looks for a descriptor before it looks for a client. */
static bool somebody_waits(const struct uapi_server *server)
{
	struct pollfd waiting = { .fd = server->listening.fd, .events = POLLIN };

	return poll(&waiting, 1, 0) > 0;
}

/* Accepts one client. Returns whether there may be another. */
static bool accept_client(struct uapi_server *server)
{
	int fd = accept4(server->listening.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *client;

	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		if (!server->clients || !somebody_waits(server))
			return false;
		make_room(server);
		return true;
	}
	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED;
	if (server->n_clients == UAPI_MAX_CLIENTS)
		make_room(server);
	client = mem_alloc(1, sizeof(*client));
	client->server = server;
	client->source = (struct loop_source){ .fd = fd, .ready = client_ready, .ctx = client };
	if (loop_add(server->loop, &client->source, EPOLLIN, NULL)) {
		close(fd);
		free(client);
		return true;
	}
	client->active = ++server->n_events;
	client->next = server->clients;
	server->clients = client;
	server->n_clients++;
	return true;
}

static void listening_ready(struct loop_source *source, uint32_t events)
{
	struct uapi_server *server = source->ctx;

	(void)events;
	for (int n = 0; n < UAPI_MAX_CLIENTS; n++)
		if (!accept_client(server))
			return;
	/* Others shall have their turn; this makes the loop call again. */
	loop_modify(server->loop, source, LISTENING_EVENTS);
}

int uapi_server_new(struct uapi_server **out, struct loop *loop, int listening_fd,
		    const struct uapi_handler *handler, struct err *err)
{
	struct uapi_server *server = mem_alloc(1, sizeof(*server));
	int r;

	server->loop = loop;
	server->handler = *handler;
	server->listening = (struct loop_source){
		.fd = listening_fd,
		.ready = listening_ready,
		.ctx = server,
	};
	r = loop_add(loop, &server->listening, LISTENING_EVENTS, err);
	if (r) {
		free(server);
		return r;
	}
	*out = server;
	return 0;
}

void uapi_server_free(struct uapi_server *server)
{
	if (!server)
		return;
	while (server->clients)
		/* It takes the client off the list, which the analyzer does not see. */
		client_free(server->clients); /* NOLINT(clang-analyzer-unix.Malloc) */
	loop_remove(server->loop, &server->listening);
	free(server);
}
