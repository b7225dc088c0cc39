/*
 * Any bytes as a journal: nothing crashes; what is taken for one says where it is from, is written
 * again as something that reads the same, and every step in it can be undone.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cmd/wg-quick/journal.h"
#include "cmd/wg-quick/plan.h"
#include "lib/util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct journal_host host = { "boot", 1 };

static void check_steps(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++) {
		AUTO(strbuf_fini) struct strbuf words = { 0 };
		struct step undoing;

		assert(plan->steps[i].id);
		plan_format_step(&words, plan, &plan->steps[i]);
		if (plan_undo(&undoing, &plan->steps[i]))
			plan_format_step(&words, plan, &undoing);
	}
}

/* Every line gets the sum that it should have, so that what is behind sums is reached as well. */
static void add_sums(struct strbuf *out, const char *text, size_t size)
{
	const char *end = text + size, *newline;

	for (; (newline = memchr(text, '\n', (size_t)(end - text))); text = newline + 1) {
		uint32_t sum = 2166136261U;

		for (const char *c = text; c < newline; c++)
			sum = (sum ^ (unsigned char)*c) * 16777619U;
		strbuf_add_mem(out, text, (size_t)(newline - text));
		strbuf_addf(out, " #%08x\n", sum);
	}
}

static void check(const char *text, size_t size)
{
	AUTO(journal_fini) struct journal journal = JOURNAL_NONE, again = JOURNAL_NONE;
	AUTO(strbuf_fini) struct strbuf first = { 0 }, second = { 0 };
	struct err err = { 0 };

	if (journal_parse(&journal, text, size, &host, &err)) {
		assert(err.code && !journal.config_path && !journal.done.n_steps);
		return;
	}
	assert(journal.config_path && journal.done.interface[0] && journal.len <= size);
	check_steps(&journal.done);
	check_steps(&journal.unsure);
	journal_due_hooks(&journal);
	journal_format(&first, &journal, &host);
	/* Steps that have ended in another order than they began cannot be written in one. */
	if (journal_parse(&again, strbuf_text(&first), first.len, &host, NULL))
		return;
	journal_format(&second, &again, &host);
	assert(!strcmp(strbuf_text(&first), strbuf_text(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(strbuf_fini) struct strbuf summed = { 0 };

	check((const char *)data, size);
	add_sums(&summed, (const char *)data, size);
	check(strbuf_text(&summed), summed.len);
	return 0;
}
