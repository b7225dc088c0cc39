#ifndef CMD_WG_QUICK_JOURNAL_H
#define CMD_WG_QUICK_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/wg-quick/plan.h"
#include "lib/conf/conf.h"
#include "lib/model/key.h"
#include "lib/util/err.h"
#include "lib/util/strlist.h"

/*
 * What was done to bring an interface up, written down before it is done and again after: so that
 * it can be undone by another run, whatever has become of this one and of the configuration file.
 * There is one as long as the interface is up, the property of whoever has the interface's lock.
 * Where no file can be made it is kept in memory alone, and serves the run that began it.
 *
 * Private and preshared keys are not in it, unless a hook's text has them.
 */

/** What is going on. It was cut off in the middle, if the run is no more that wrote so. */
enum journal_phase {
	JOURNAL_UP,      /* `up` is at work */
	JOURNAL_UP_DONE, /* nothing: the interface is up */
	JOURNAL_RELOAD,  /* `reload` is at work */
	JOURNAL_DOWN,    /* `down` is at work */
};

/** "up", "up-done", "reload" or "down". */
const char *journal_phase_name(enum journal_phase phase);

/** A peer's endpoint as the file wrote it: a name is still a name. */
struct journal_endpoint {
	struct wg_key public_key;
	char *text; /* owned: "host:port" */
};

/** Start with JOURNAL_NONE. All of it is owned. */
struct journal {
	int fd;            /* negative: only in memory */
	char *path;        /* NULL: only in memory */
	bool has_made_dir; /* its directory has come with it */

	enum journal_phase phase;
	char *config_path; /* of the file that was read */
	char *netns;       /* Namespace and BirthNamespace as it had them; NULL: none */
	char *birth_netns;
	unsigned int ifindex; /* 0: the device has not been made yet */
	/* The file's hooks at `up`, "%i" replaced. */
	struct strlist pre_up, post_up, pre_down, post_down;
	struct strlist dns_servers, dns_search; /* as they were handed to STEP_SET_DNS */
	struct journal_endpoint *endpoints;     /* of those peers that have one */
	size_t n_endpoints, endpoints_cap;

	/* The interface, the policy of routes with its table, and the steps that are done and not
	 * undone since, in order. Those that consist of others are not among them. */
	struct plan done;
	/* Those that were begun, but not ended: perhaps they are done, wholly or in part. */
	struct plan unsure;
	uint32_t last_id; /* of a step */
	size_t len;       /* of the file, as far as it is sound: the next record goes there */
};

/* What a journal is before it is begun or read. */
#define JOURNAL_NONE     \
	{                \
		.fd = -1 \
	}

/* ---- writing ------------------------------------------------------------------------------- */

/**
 * Begins an empty one, JOURNAL_UP, with what the plan and the configuration say. If its file cannot
 * be made, it says so in an "[!]" line on stderr, and is kept in memory. The same holds for every
 * call below whose record cannot be written: the file is removed then. A file that is there is
 * replaced. `has_made_dir`: its directory was not there before this run.
 */
void journal_begin(struct journal *out, const struct plan *plan, const char *config_path,
		   const struct conf *conf, bool has_made_dir);

/** Says what is going on from now on. */
void journal_set_phase(struct journal *journal, enum journal_phase phase);
/** Says which link was made. */
void journal_set_ifindex(struct journal *journal, unsigned int ifindex);

/**
 * Writes down that a step is about to be done: it is unsure from now on. Returns its number, for
 * the three calls that end that.
 */
uint32_t journal_begin_step(struct journal *journal, const struct step *step);
/** It is done; `step` has all that it has learnt while it was. */
void journal_end_step(struct journal *journal, uint32_t id, const struct step *step);
/** Nothing of it is done, or it is undone: it is not in the journal any more. */
void journal_forget_step(struct journal *journal, uint32_t id);

/**
 * Replaces the DNS servers and search domains, or the endpoints: for a reload, which tells the
 * journal before a step of it is begun. Hooks stay those of `up`.
 */
void journal_set_dns(struct journal *journal, const struct strlist *servers,
		     const struct strlist *search);
void journal_set_endpoints(struct journal *journal, const struct wg_device *device);
/** Replaces the policy of routes and its table by what a plan has. */
void journal_set_routes(struct journal *journal, const struct plan *plan);
/** Adds an endpoint's text as journals have it. */
void journal_add_endpoint_text(struct strbuf *out, const struct endpoint *endpoint);

/** All is undone: removes the file. All that it still knows is has_made_dir. */
void journal_remove(struct journal *journal);

/* ---- reading ------------------------------------------------------------------------------- */

/**
 * Reads an interface's journal, to be gone on with. Who only looks needs no lock; the phase is then
 * what it is at that moment. Returns 0; or with *err filled in, and *out empty:
 *   -ENOENT    there is none
 *   -ESTALE    it is another boot's, or that of a network namespace that is gone
 *   -EBADMSG   it is damaged, or another version's; or others than root may write it
 *   another negative errno, if it cannot be read.
 */
int journal_read(struct journal *out, const char *interface, struct err *err);

/** Removes an interface's journal without looking at it. */
void journal_drop(const char *interface);
/** Whether somebody has done that to this one since; true as well if it never had a file. */
bool journal_is_dropped(const struct journal *journal);

/** Which hooks are to run when what the journal says is undone. */
struct journal_due {
	bool pre_down;  /* one of PostUp was started */
	bool post_down; /* one of either PreUp or PostUp was */
};

/** Says so; a hook that was cut off has been started. */
struct journal_due journal_due_hooks(const struct journal *journal);

/** Of which boot and network namespace a journal is. */
struct journal_host {
	char boot[64];   /* the kernel's boot_id; empty: unknown */
	uint64_t cookie; /* the namespace's, never used twice; 0: unknown */
};

/** As journal_read(), of a text; `host` is this one. The journal has no file. */
int journal_parse(struct journal *out, const char *text, size_t len,
		  const struct journal_host *host, struct err *err);
/** Adds the text of a journal as if it had just been written; journal_parse() reads it. */
void journal_format(struct strbuf *out, const struct journal *journal,
		    const struct journal_host *host);

/** Closes the file, which stays, and frees the rest. */
void journal_fini(struct journal *journal);

#endif
