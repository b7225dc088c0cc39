#ifndef CMD_WG_WATCH_COLUMNS_H
#define CMD_WG_WATCH_COLUMNS_H

#include "cmd/wg/watch_snapshot.h"
#include "cmd/wg/watch_text.h"

/* The table of peers: which columns there are, how wide, and what stands in them. Pure. */

enum watch_column {
	WATCH_PEER,
	WATCH_ENDPOINT,
	WATCH_HANDSHAKE,
	WATCH_RX_RATE,
	WATCH_TX_RATE,
	WATCH_RX,
	WATCH_TX,
	WATCH_ALLOWED_IPS,
	WATCH_N_COLUMNS,
};

struct watch_columns {
	unsigned int width[WATCH_N_COLUMNS]; /* 0: not shown */
};

/** How wide the widest of all snapshots' texts are. */
struct watch_widths {
	unsigned int name, endpoint, allowed_ip, allowed_ips;
	bool any_keys; /* peers without a name */
};

/**
 * Chooses columns for a screen of `width`: the more it has room for, the more there are, and
 * the more of their text.
 */
struct watch_columns watch_columns_choose(const struct watch_widths *widths, unsigned int width,
					  bool names);

/** The line above them. The column that they are sorted by stands out. */
void watch_columns_titles(struct watch_line *line, const struct watch_columns *columns,
			  enum watch_sort sort);

/** What became of a peer's session, from WireGuard's timers. */
enum watch_session {
	WATCH_SESSION_ALIVE, /* renewed in time */
	WATCH_SESSION_DUE,   /* its renewal is late, or nobody needs one */
	WATCH_SESSION_IDLE,  /* expired, and nobody needs another */
	WATCH_SESSION_LOST,  /* expired or never there, but there is something to send */
};

enum watch_session watch_session_of(const struct watch_peer *peer, int64_t now_s, mono_ns now);

/** One peer's line. */
void watch_columns_peer(struct watch_line *line, const struct watch_columns *columns,
			const struct watch_snapshot *snapshot, const struct watch_peer *peer,
			bool names, int64_t now_s, mono_ns now);

#endif
