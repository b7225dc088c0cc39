/*
 * One screen of the live view: whole screens at several widths, no line wider than the screen
 * whatever there is to show, and what keys do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/wg/watch_columns.h"
#include "cmd/wg/watch_page.h"
#include "cmd/wg/watch_text.h"
#include "lib/util/cleanup.h"

enum {
	NOW_S = 1700000000,
	N_PARTS_MAX = 3,
};

/* An interface, ten seconds ago and now. */
struct fixture {
	struct conf_names names;
	struct watch_snapshot *snapshot[N_PARTS_MAX];
	struct watch_part parts[N_PARTS_MAX];
	struct watch_view view;
	struct watch_state state;
};

struct row {
	const char *name, *endpoint, *allowed_ips;
	int64_t age_s; /* -1: never */
	uint64_t rx, tx, more_rx, more_tx;
	uint16_t keepalive_s;
};

static const struct row rows[] = {
	{ "laptop", "203.0.113.7:51820", "10.0.0.2/32", 12, 1 << 30, 1 << 20, 12400000, 850000, 0 },
	{ "東京オフィス", "[2001:db8:85a3::8a2e:370:7334]:51820",
	  "10.0.0.3/32, 192.168.3.0/24, fd00:3::/64", 150, 5000, 70000, 0, 1480, 25 },
	{ NULL, "198.51.100.201:65535", "10.0.0.4/32, 10.4.0.0/16", 7300, 123456789, 99, 0, 0, 0 },
	{ "kiosk", "192.0.2.9:1024", "10.0.0.5/32", 190, 10, 20, 0, 0, 25 },
	{ "old \033[31mphone", NULL, NULL, -1, 0, 0, 0, 0, 0 },
};

static void add_peer(struct wg_device *device, struct conf_names *names, const struct row *row,
		     uint8_t number, bool now)
{
	struct wg_peer *peer = wg_device_add_peer(device);
	char text[256];

	for (int i = 0; i < WG_KEY_LEN; i++)
		peer->public_key.bytes[i] = (uint8_t)(number * 37 + i * 11);
	if (row->name && now) {
		wg_key_format(text, &peer->public_key);
		snprintf(text + WG_KEY_BASE64_LEN, sizeof(text) - WG_KEY_BASE64_LEN, " %s\n",
			 row->name);
		conf_names_add_list(names, text, strlen(text));
	}
	if (row->endpoint)
		assert(!endpoint_parse(&peer->endpoint, row->endpoint, NULL));
	if (row->age_s >= 0)
		peer->last_handshake_s = NOW_S - row->age_s;
	peer->rx_bytes = row->rx + (now ? row->more_rx : 0);
	peer->tx_bytes = row->tx + (now ? row->more_tx : 0);
	peer->keepalive_s = row->keepalive_s;
	snprintf(text, sizeof(text), "%s", row->allowed_ips ? row->allowed_ips : "");
	for (char *item = strtok(text, ", "); item; item = strtok(NULL, ", "))
		assert(!cidr_parse(&wg_peer_add_allowed_ip(peer)->cidr, NULL, item, NULL));
}

static void add_part(struct fixture *fixture, const char *name, const struct row *list, size_t n)
{
	AUTO(wg_device_auto_free) struct wg_device *past = wg_device_new();
	AUTO(wg_device_auto_free) struct wg_device *now = wg_device_new();
	AUTO(watch_snapshot_auto_free) struct watch_snapshot *before = NULL;
	size_t i = fixture->view.n_parts++;

	for (size_t j = 0; j < n; j++) {
		add_peer(past, &fixture->names, &list[j], (uint8_t)(i * 10 + j), false);
		add_peer(now, &fixture->names, &list[j], (uint8_t)(i * 10 + j), true);
	}
	now->listen_port = 51820;
	before = watch_snapshot_new(past, SEC(100));
	fixture->snapshot[i] = watch_snapshot_new(now, SEC(110));
	watch_snapshot_follow(fixture->snapshot[i], before);
	watch_snapshot_name(fixture->snapshot[i], &fixture->names);
	fixture->parts[i] = (struct watch_part){ .name = name, .snapshot = fixture->snapshot[i] };
}

static void fixture_init(struct fixture *fixture, unsigned int width, unsigned int height)
{
	*fixture = (struct fixture){
		.view = { .parts = fixture->parts,
			  .clock = "14:03:27",
			  .now_s = NOW_S,
			  .now = SEC(110),
			  .width = width,
			  .height = height },
		.state = { .names = true },
	};
}

static void fixture_fini(struct fixture *fixture)
{
	for (size_t i = 0; i < N_PARTS_MAX; i++)
		watch_snapshot_free(fixture->snapshot[i]);
	conf_names_fini(&fixture->names);
}

static void draw(struct strbuf *out, struct fixture *fixture)
{
	for (size_t i = 0; i < fixture->view.n_parts; i++)
		if (fixture->snapshot[i])
			watch_snapshot_sort(fixture->snapshot[i], fixture->state.sort,
					    fixture->state.reverse, fixture->state.names);
	strbuf_clear(out);
	watch_page(out, &fixture->state, &fixture->view);
}

/* The wanted lines; what is below them up to the footer is empty. */
static void assert_screen(struct fixture *fixture, const char *wanted)
{
	AUTO(strbuf_fini) struct strbuf out = { 0 };

	draw(&out, fixture);
	assert_string_equal(strbuf_text(&out), wanted);
}

static void press(struct fixture *fixture, enum watch_key key)
{
	watch_press(&fixture->state, key, &fixture->view);
}

#define N_ROWS (sizeof(rows) / sizeof(*rows))

static void test_at_40(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 40, 9);
	add_part(&fixture, "wg0", rows, N_ROWS);
	assert_screen(&fixture, "wg0  5 peers, 2 active          14:03:27\n"
				"peer         handshake     rx/s     tx/s\n"
				"laptop             12s  1.2 MiB   83 KiB\n"
				"東京オフィ…         2m      0 B    148 B\n"
				"kiosk               3m      0 B      0 B\n"
				"SlVga3aBjJ…         2h      0 B      0 B\n"
				"lJ+qtcDL1u…      never      0 B      0 B\n"
				"\n"
				"by handshake              q quit  ? help");
}

static void test_at_80(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 80, 9);
	add_part(&fixture, "wg0", rows, N_ROWS);
	assert_screen(
		&fixture,
		"wg0  port 51820  5 peers, 2 active  rx 1.2 MiB/s  tx 83 KiB/s           14:03:27\n"
		"peer          endpoint                 handshake     rx/s     tx/s  allowed ips\n"
		"laptop        203.0.113.7:51820              12s  1.2 MiB   83 KiB  10.0.0.2/32\n"
		"東京オフィス  [2001:db8:85a3::8a2e:3…         2m      0 B    148 B  10.0.0.3/32+\n"
		"kiosk         192.0.2.9:1024                  3m      0 B      0 B  10.0.0.5/32\n"
		"SlVga3aBjJe…  198.51.100.201:65535            2h      0 B      0 B  10.0.0.4/32+\n"
		"lJ+qtcDL1uH…  (none)                       never      0 B      0 B  (none)\n"
		"\n"
		"by handshake                                                      q quit  ? help");
}

static void test_at_132(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 132, 9);
	add_part(&fixture, "wg0", rows, N_ROWS);
	assert_screen(&fixture,
		      "wg0  port 51820  5 peers, 2 active  rx 1.2 MiB/s  tx 83 KiB/s               "
		      "                                                14:03:27\n"
		      "peer          endpoint                              handshake     rx/s     "
		      "tx/s  received      sent  allowed ips\n"
		      "laptop        203.0.113.7:51820                           12s  1.2 MiB   83 "
		      "KiB  1.01 GiB  1.81 MiB  10.0.0.2/32\n"
		      "東京オフィス  [2001:db8:85a3::8a2e:370:7334]:51820         2m      0 B    "
		      "148 B  4.88 KiB  69.8 KiB  10.0.0.3/32, 192.168.3.0/24 +1\n"
		      "kiosk         192.0.2.9:1024                               3m      0 B      "
		      "0 B      10 B      20 B  10.0.0.5/32\n"
		      "SlVga3aBjJe…  198.51.100.201:65535                         2h      0 B      "
		      "0 B   118 MiB      99 B  10.0.0.4/32, 10.4.0.0/16\n"
		      "lJ+qtcDL1uH…  (none)                                    never      0 B      "
		      "0 B       0 B       0 B  (none)\n"
		      "\n"
		      "by handshake                                                                "
		      "                                          q quit  ? help");
}

static void test_at_200(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 200, 9);
	add_part(&fixture, "wg0", rows, N_ROWS);
	assert_screen(&fixture,
		      "wg0  port 51820  5 peers, 2 active  rx 1.2 MiB/s  tx 83 KiB/s               "
		      "                                                                            "
		      "                                        14:03:27\n"
		      "peer          endpoint                              handshake     rx/s     "
		      "tx/s  received      sent  allowed ips\n"
		      "laptop        203.0.113.7:51820                           12s  1.2 MiB   83 "
		      "KiB  1.01 GiB  1.81 MiB  10.0.0.2/32\n"
		      "東京オフィス  [2001:db8:85a3::8a2e:370:7334]:51820         2m      0 B    "
		      "148 B  4.88 KiB  69.8 KiB  10.0.0.3/32, 192.168.3.0/24, fd00:3::/64\n"
		      "kiosk         192.0.2.9:1024                               3m      0 B      "
		      "0 B      10 B      20 B  10.0.0.5/32\n"
		      "SlVga3aBjJe…  198.51.100.201:65535                         2h      0 B      "
		      "0 B   118 MiB      99 B  10.0.0.4/32, 10.4.0.0/16\n"
		      "lJ+qtcDL1uH…  (none)                                    never      0 B      "
		      "0 B       0 B       0 B  (none)\n"
		      "\n"
		      "by handshake                                                                "
		      "                                                                            "
		      "                                  q quit  ? help");
}

static void test_keys_instead_of_names(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 132, 9);
	add_part(&fixture, "wg0", rows, N_ROWS);
	press(&fixture, WATCH_KEY_NAMES);
	assert_screen(&fixture,
		      "wg0  port 51820  5 peers, 2 active  rx 1.2 MiB/s  tx 83 KiB/s               "
		      "                                                14:03:27\n"
		      "peer         endpoint                              handshake     rx/s     "
		      "tx/s  received      sent  allowed ips\n"
		      "AAsWISw3Qk…  203.0.113.7:51820                           12s  1.2 MiB   83 "
		      "KiB  1.01 GiB  1.81 MiB  10.0.0.2/32\n"
		      "JTA7RlFcZ3…  [2001:db8:85a3::8a2e:370:7334]:51820         2m      0 B    "
		      "148 B  4.88 KiB  69.8 KiB  10.0.0.3/32, 192.168.3.0/24 +1\n"
		      "b3qFkJumsb…  192.0.2.9:1024                               3m      0 B      "
		      "0 B      10 B      20 B  10.0.0.5/32\n"
		      "SlVga3aBjJ…  198.51.100.201:65535                         2h      0 B      "
		      "0 B   118 MiB      99 B  10.0.0.4/32, 10.4.0.0/16\n"
		      "lJ+qtcDL1u…  (none)                                    never      0 B      "
		      "0 B       0 B       0 B  (none)\n"
		      "\n"
		      "by handshake                                                                "
		      "                                          q quit  ? help");
}

static void test_several_interfaces(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 80, 14);
	add_part(&fixture, "wg0", rows, 2);
	add_part(&fixture, "wg1", rows, 0);
	add_part(&fixture, "wg2", rows + 3, 1);
	assert_screen(
		&fixture,
		"wg0  port 51820  2 peers, 2 active  rx 1.2 MiB/s  tx 83 KiB/s           14:03:27\n"
		"peer          endpoint                 handshake     rx/s     tx/s  allowed ips\n"
		"laptop        203.0.113.7:51820              12s  1.2 MiB   83 KiB  10.0.0.2/32\n"
		"東京オフィス  [2001:db8:85a3::8a2e:3…         2m      0 B    148 B  10.0.0.3/32+\n"
		"\n"
		"wg1  port 51820  0 peers, 0 active  rx 0 B/s  tx 0 B/s\n"
		"no peers\n"
		"\n"
		"wg2  port 51820  1 peer, 0 active  rx 0 B/s  tx 0 B/s\n"
		"kiosk         192.0.2.9:1024                  3m      0 B      0 B  10.0.0.5/32\n"
		"\n"
		"\n"
		"\n"
		"by handshake                                                      q quit  ? help");
}

static void test_scrolled_to_the_end(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 80, 8);
	add_part(&fixture, "wg0", rows, 4);
	add_part(&fixture, "wg1", rows, 1);
	add_part(&fixture, "wg2", rows, 2);
	press(&fixture, WATCH_KEY_END);
	assert_screen(
		&fixture,
		"wg1  port 51820  1 peer, 1 active  rx 1.2 MiB/s  tx 83 KiB/s            14:03:27\n"
		"peer          endpoint                 handshake     rx/s     tx/s  allowed ips\n"
		"laptop        203.0.113.7:51820              12s  1.2 MiB   83 KiB  10.0.0.2/32\n"
		"\n"
		"wg2  port 51820  2 peers, 2 active  rx 1.2 MiB/s  tx 83 KiB/s\n"
		"laptop        203.0.113.7:51820              12s  1.2 MiB   83 KiB  10.0.0.2/32\n"
		"東京オフィス  [2001:db8:85a3::8a2e:3…         2m      0 B    148 B  10.0.0.3/32+\n"
		"by handshake  rows 7-11 of 11                                     q quit  ? help");
}

static void test_trouble(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 80, 10);
	add_part(&fixture, "wg0", rows, 1);
	fixture.parts[0].silent_s = 7;
	fixture.parts[1] = (struct watch_part){ .name = "wg1", .problem = "gone" };
	fixture.parts[2] = (struct watch_part){ .name = "wg2" };
	fixture.view.n_parts = 3;
	fixture.view.notice = "cannot list interfaces: Permission denied";
	assert_screen(
		&fixture,
		"wg0  no answer for 7s  port 51820  1 peer, 1 active                     14:03:27\n"
		"peer        endpoint               handshake     rx/s     tx/s  allowed ips\n"
		"laptop      203.0.113.7:51820            12s  1.2 MiB   83 KiB  10.0.0.2/32\n"
		"\n"
		"wg1  gone\n"
		"\n"
		"wg2\n"
		"\n"
		"\n"
		"by handshake  cannot list interfaces: Permission denied           q quit  ? help");
}

static void test_nothing(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 80, 5);
	assert_screen(
		&fixture,
		"no interfaces                                                           14:03:27\n"
		"peer        endpoint               handshake     rx/s     tx/s  allowed ips\n"
		"\n"
		"\n"
		"by handshake                                                      q quit  ? help");
}

static void test_help_and_pause(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 60, 10);
	add_part(&fixture, "wg0", rows, 3);
	press(&fixture, WATCH_KEY_PAUSE);
	press(&fixture, WATCH_KEY_HELP);
	assert_screen(&fixture, "wg0  port 51820  3 peers, 2 active           paused 14:03:27\n"
				"peer          handshake     rx/s     tx/s\n"
				"laptop              12s  1.2 MiB   83 KiB\n"
				"東京オフィス         2m      0 B    148 B\n"
				"SlVga3aBjJe…         2h      0 B      0 B\n"
				"\n"
				"\n"
				"\n"
				"q quit  s sort by  r reverse  n names or keys  p pause\n"
				"arrows PgUp PgDn Home End scroll  ? less");
}

static void test_reversed_by_rate(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 80, 9);
	add_part(&fixture, "wg0", rows, N_ROWS);
	press(&fixture, WATCH_KEY_SORT);
	press(&fixture, WATCH_KEY_REVERSE);
	assert_screen(
		&fixture,
		"wg0  port 51820  5 peers, 2 active  rx 1.2 MiB/s  tx 83 KiB/s           14:03:27\n"
		"peer          endpoint                 handshake     rx/s     tx/s  allowed ips\n"
		"lJ+qtcDL1uH…  (none)                       never      0 B      0 B  (none)\n"
		"kiosk         192.0.2.9:1024                  3m      0 B      0 B  10.0.0.5/32\n"
		"SlVga3aBjJe…  198.51.100.201:65535            2h      0 B      0 B  10.0.0.4/32+\n"
		"東京オフィス  [2001:db8:85a3::8a2e:3…         2m      0 B    148 B  10.0.0.3/32+\n"
		"laptop        203.0.113.7:51820              12s  1.2 MiB   83 KiB  10.0.0.2/32\n"
		"\n"
		"by rate, reversed                                                 q quit  ? help");
}

static void test_colours(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 64, 7);
	add_part(&fixture, "wg0", rows, 4);
	fixture.view.colour = true;
	fixture.view.erase = true;
	assert_screen(
		&fixture,
		"\033[1;32mwg0\033[0m  port 51820  4 peers, 2 active                      "
		"\033[2m14:03:27\033[0m\n"
		"\033[2mpeer\033[0m          \033[2mendpoint\033[0m               "
		"\033[1mhandshake\033[0m     \033[2mrx/s\033[0m     \033[2mtx/s\033[0m\n"
		"laptop        203.0.113.7:51820            \033[32m12s\033[0m  1.2 MiB   83 KiB\n"
		"東京オフィス  [2001:db8:85a3::8a2e…         \033[33m2m\033[0m      \033[2m0 "
		"B\033[0m    148 B\n"
		"kiosk         192.0.2.9:1024                \033[31m3m\033[0m      \033[2m0 "
		"B\033[0m      \033[2m0 B\033[0m\n"
		"SlVga3aBjJe…  198.51.100.201:65535          \033[2m2h\033[0m      \033[2m0 "
		"B\033[0m      \033[2m0 B\033[0m\n"
		"\033[2mby handshake\033[0m                                      \033[2mq quit  ? "
		"help\033[0m");
}

/* Columns of a line that may have escape sequences in it. */
static unsigned int columns_of(const char *line)
{
	AUTO(strbuf_fini) struct strbuf plain = { 0 };

	for (; *line; line++) {
		if (*line == '\033')
			line += strcspn(line, "mK");
		else
			strbuf_add_char(&plain, *line);
	}
	return watch_text_width(strbuf_text(&plain));
}

/* Random peers, states and sizes: as many lines as the screen has, none wider than it. */
static void test_nothing_is_wider(void **state)
{
	static const char *const names[] = { NULL, "x", "東京オフィス東京オフィス東京オフィス",
					     "a-name-that-is-far-too-long-for-any-screen-of-ours" };
	static const char *const endpoints[] = {
		NULL, "1.2.3.4:5", "255.255.255.255:65535",
		"[fe80:1111:2222:3333:4444:5555:6666:7777]:51820"
	};
	static const char *const lists[] = {
		NULL, "10.0.0.0/8", "255.255.255.255/32, 1.1.1.1/32, 10.0.0.0/8, 11.0.0.0/8",
		"fe80:1111:2222:3333:4444:5555:6666:7777/128, 0.0.0.0/0"
	};

	(void)state;
	srand(1);
	for (int round = 0; round < 3000; round++) {
		AUTO(fixture_fini) struct fixture fixture;
		AUTO(strbuf_fini) struct strbuf out = { 0 };
		unsigned int lines = 0;

		fixture_init(&fixture, 1 + (unsigned int)rand() % 250,
			     1 + (unsigned int)rand() % 12);
		for (int i = rand() % (N_PARTS_MAX + 1); i > 0; i--) {
			struct row list[5];
			size_t n = (size_t)rand() % 6;

			for (size_t j = 0; j < n; j++)
				list[j] = (struct row){
					.name = names[rand() % 4],
					.endpoint = endpoints[rand() % 4],
					.allowed_ips = lists[rand() % 4],
					.age_s = (int64_t)rand() % 1000000 - 1,
					.rx = (uint64_t)rand() << (rand() % 32),
					.more_tx = (uint64_t)rand() << (rand() % 32),
				};
			add_part(&fixture, "interface-name1", list, n);
			if (rand() % 4 == 0)
				fixture.parts[i - 1].problem =
					"Transport endpoint is not connected";
			if (rand() % 4 == 0)
				fixture.parts[i - 1].silent_s = rand();
		}
		fixture.view.colour = rand() % 2;
		fixture.view.erase = rand() % 2;
		for (int i = rand() % 20; i > 0; i--)
			press(&fixture, (enum watch_key)(rand() % (WATCH_KEY_QUIT + 1)));
		draw(&out, &fixture);
		for (char *rest = out.text, *line; (line = strsep(&rest, "\n")); lines++)
			assert_true(columns_of(line) <= fixture.view.width);
		assert_int_equal(lines, fixture.view.height);
	}
}

static void test_scrolling(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;
	static const struct row many[40];
	size_t rest;

	(void)state;
	/* Rows in sight: 10, as three lines are something else. */
	fixture_init(&fixture, 80, 13);
	add_part(&fixture, "wg0", many, 40);
	press(&fixture, WATCH_KEY_UP);
	assert_int_equal(fixture.state.top, 0);
	press(&fixture, WATCH_KEY_DOWN);
	assert_int_equal(fixture.state.top, 1);
	press(&fixture, WATCH_KEY_PAGE_DOWN);
	assert_int_equal(fixture.state.top, 10);
	press(&fixture, WATCH_KEY_PAGE_UP);
	assert_int_equal(fixture.state.top, 1);
	press(&fixture, WATCH_KEY_PAGE_UP);
	assert_int_equal(fixture.state.top, 0);
	press(&fixture, WATCH_KEY_END);
	assert_int_equal(fixture.state.top, 30);
	press(&fixture, WATCH_KEY_DOWN);
	press(&fixture, WATCH_KEY_PAGE_DOWN);
	assert_int_equal(fixture.state.top, 30);
	/* What is more than the screen shows gets less when the screen grows. */
	fixture.view.height = 33;
	press(&fixture, WATCH_KEY_NONE);
	assert_int_equal(fixture.state.top, 10);
	press(&fixture, WATCH_KEY_HOME);
	assert_int_equal(fixture.state.top, 0);
	/* A device that is shorter now than where the reader was. */
	fixture.state.top = 39;
	fixture.view.height = 13;
	fixture.view.n_parts = 0;
	rest = fixture.state.top;
	press(&fixture, WATCH_KEY_NONE);
	assert_true(fixture.state.top < rest);
	assert_int_equal(fixture.state.top, 0);
}

static void test_states(void **state)
{
	AUTO(fixture_fini) struct fixture fixture;

	(void)state;
	fixture_init(&fixture, 80, 13);
	press(&fixture, WATCH_KEY_SORT);
	assert_int_equal(fixture.state.sort, WATCH_SORT_RATE);
	press(&fixture, WATCH_KEY_SORT);
	assert_int_equal(fixture.state.sort, WATCH_SORT_NAME);
	press(&fixture, WATCH_KEY_SORT);
	assert_int_equal(fixture.state.sort, WATCH_SORT_HANDSHAKE);
	press(&fixture, WATCH_KEY_REVERSE);
	assert_true(fixture.state.reverse);
	press(&fixture, WATCH_KEY_REVERSE);
	assert_false(fixture.state.reverse);
	press(&fixture, WATCH_KEY_NAMES);
	assert_false(fixture.state.names);
	press(&fixture, WATCH_KEY_PAUSE);
	assert_true(fixture.state.paused);
	press(&fixture, WATCH_KEY_HELP);
	assert_true(fixture.state.help);
	assert_false(fixture.state.quit);
	press(&fixture, WATCH_KEY_QUIT);
	assert_true(fixture.state.quit);
}

static void assert_session(int64_t age_s, uint16_t keepalive_s, mono_ns sent,
			   enum watch_session wanted)
{
	const struct watch_peer peer = {
		.handshake_s = age_s < 0 ? 0 : NOW_S - age_s,
		.keepalive_s = keepalive_s,
		.sent = sent,
	};

	assert_int_equal(watch_session_of(&peer, NOW_S, SEC(110)), wanted);
}

static void test_sessions(void **state)
{
	(void)state;
	assert_session(-2, 0, 0, WATCH_SESSION_IDLE);
	assert_session(0, 0, 0, WATCH_SESSION_ALIVE);
	assert_session(135, 25, SEC(109), WATCH_SESSION_ALIVE);
	assert_session(136, 25, SEC(109), WATCH_SESSION_DUE);
	assert_session(180, 0, 0, WATCH_SESSION_DUE);
	assert_session(181, 0, 0, WATCH_SESSION_IDLE);
	assert_session(181, 25, 0, WATCH_SESSION_LOST);
	assert_session(181, 0, SEC(100), WATCH_SESSION_LOST);
	assert_session(181, 0, SEC(90), WATCH_SESSION_IDLE);
	assert_session(-1, 25, 0, WATCH_SESSION_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_40),
		cmocka_unit_test(test_at_80),
		cmocka_unit_test(test_at_132),
		cmocka_unit_test(test_at_200),
		cmocka_unit_test(test_keys_instead_of_names),
		cmocka_unit_test(test_several_interfaces),
		cmocka_unit_test(test_scrolled_to_the_end),
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_help_and_pause),
		cmocka_unit_test(test_reversed_by_rate),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_nothing_is_wider),
		cmocka_unit_test(test_scrolling),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_sessions),
	};

	/* Debian always has it. */
	assert(setlocale(LC_CTYPE, "C.UTF-8"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
