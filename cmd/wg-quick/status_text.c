/* What `wg-quick status` tells: see status.h. Pure. */
#include <string.h>
#include <time.h>

#include "cmd/json.h"
#include "cmd/wg-quick/status.h"

#define GOOD "\x1b[32m"
#define BAD "\x1b[31m"
#define PLAIN "\x1b[0m"

static const char *word_of(enum status_state state)
{
	switch (state) {
	case STATUS_STATE_UP:
		return "up";
	case STATUS_STATE_DIFFERENT:
		return "different";
	case STATUS_STATE_DOWN:
		return "down";
	}
	return "";
}

static void add_headline(struct strbuf *out, const struct status *status, bool is_coloured)
{
	const char *colour = status->state == STATUS_STATE_UP ? GOOD : BAD;
	bool is_up = status->state != STATUS_STATE_DOWN;

	strbuf_addf(out, "%s%s is %s%s", is_coloured ? colour : "", status->target->interface,
		    is_up ? "up" : "not up", is_coloured ? PLAIN : "");
	if (!is_up)
		return;
	if (!status->is_userspace)
		strbuf_add(out, ", by the kernel");
	else if (status->program[0])
		strbuf_addf(out, ", by %s (process %d)", status->program, (int)status->pid);
	else
		strbuf_add(out, ", by a userspace program");
	if (status->since_s) {
		time_t since = (time_t)status->since_s;
		struct tm local;
		char text[64] = "";

		if (localtime_r(&since, &local))
			strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
		strbuf_addf(out, ", since %s", text);
	}
}

static void add_file(struct strbuf *out, const struct status *status)
{
	const char *path = status->target->path;

	if (status->up_from)
		strbuf_addf(out, "  from another file, %s; compared with %s\n", status->up_from,
			    path);
	else if (status->has_changed)
		strbuf_addf(out, "  from %s, which has been written to since\n", path);
	else
		strbuf_addf(out, "  from %s\n", path);
}

void status_format(struct strbuf *out, const struct status *status, bool is_coloured)
{
	const struct status_problems *problems = &status->problems;

	add_headline(out, status, is_coloured);
	strbuf_add(out, status->state == STATUS_STATE_UP ? ", as the file says\n" : "\n");
	if (status->state != STATUS_STATE_DOWN)
		add_file(out, status);
	for (size_t i = 0; i < problems->n; i++) {
		const struct status_problem *problem = &problems->items[i];

		strbuf_addf(out, "  %s!%s %s\n", is_coloured ? BAD : "", is_coloured ? PLAIN : "",
			    problem->text);
		/* One remedy after all that it is for. */
		if (i + 1 == problems->n || strcmp(problem->remedy, problem[1].remedy) != 0)
			strbuf_addf(out, "    remedy: %s\n", problem->remedy);
	}
}

void status_format_json(struct strbuf *out, const struct status *status)
{
	const struct status_problems *problems = &status->problems;
	struct json json = { .out = out, .lines = true };

	json_open(&json, '{');
	json_string(&json, "interface", status->target->interface);
	json_string(&json, "file", status->target->path);
	json_string(&json, "state", word_of(status->state));
	if (status->state != STATUS_STATE_DOWN) {
		json_string(&json, "driver", status->is_userspace ? "userspace" : "kernel");
		if (status->program[0])
			json_string(&json, "program", status->program);
		if (status->pid)
			json_number(&json, "pid", (uint64_t)status->pid);
		if (status->since_s)
			json_number(&json, "since", (uint64_t)status->since_s);
	}
	json_string(&json, "journal", status->journal);
	if (status->up_from)
		json_string(&json, "upFrom", status->up_from);
	json_bool(&json, "fileChanged", status->has_changed);
	json_member(&json, "problems");
	json_open(&json, '[');
	for (size_t i = 0; i < problems->n; i++) {
		json_item(&json);
		json_open(&json, '{');
		json_string(&json, "what", problems->items[i].what);
		json_string(&json, "text", problems->items[i].text);
		json_string(&json, "remedy", problems->items[i].remedy);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
	strbuf_add_char(out, '\n');
}
