/* Writing JSON: see json.h. The text belongs to the caller. */
#include "cmd/json.h"

#include "cmd/escape.h"

static void add_line_start(struct json *json)
{
	if (!json->lines)
		return;
	strbuf_add_char(json->out, '\n');
	for (unsigned int i = 0; i < json->depth; i++)
		strbuf_add_char(json->out, '\t');
}

void json_open(struct json *json, char bracket)
{
	strbuf_add_char(json->out, bracket);
	json->depth++;
	json->any = false;
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (json->any)
		add_line_start(json);
	strbuf_add_char(json->out, bracket);
	json->any = true;
}

void json_item(struct json *json)
{
	if (json->any)
		strbuf_add_char(json->out, ',');
	json->any = true;
	add_line_start(json);
}

void json_add_plain(struct json *json, const char *plain)
{
	strbuf_add_char(json->out, '"');
	strbuf_add(json->out, plain);
	strbuf_add_char(json->out, '"');
}

void json_member(struct json *json, const char *name)
{
	json_item(json);
	json_add_plain(json, name);
	strbuf_add(json->out, json->lines ? ": " : ":");
}

void json_string(struct json *json, const char *name, const char *text)
{
	json_member(json, name);
	if (text)
		escape_json(json->out, text);
	else
		strbuf_add(json->out, "null");
}

void json_number(struct json *json, const char *name, uint64_t value)
{
	json_member(json, name);
	strbuf_add_u64(json->out, value);
}

void json_bool(struct json *json, const char *name, bool value)
{
	json_member(json, name);
	strbuf_add(json->out, value ? "true" : "false");
}
