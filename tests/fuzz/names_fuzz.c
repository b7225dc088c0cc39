/*
 * Any bytes as a configuration and as a file of names: nothing crashes, and names keep their
 * promises: short, no control characters, one for each key, found again by their key.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/conf/names.h"
#include "lib/util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct conf_names *names, const char *text, size_t len)
{
	for (size_t i = 0; i < names->n_entries; i++) {
		const struct conf_name *entry = &names->entries[i];
		const char *name = entry->name, *blank = strchr(name, ' ');
		size_t name_len = strlen(name);
		struct wg_key key;
		struct err err = { 0 };
		int r;

		assert(name_len >= 1 && name_len <= CONF_NAME_MAX);
		for (const char *c = name; *c; c++)
			assert((unsigned char)*c >= ' ' && *c != 0x7f);
		assert(!strcasestr(name, "PrivateKey") && !strcasestr(name, "PresharedKey"));
		/* It stands in the text; a blank in it may have been a tab. */
		assert(memmem(text, len, name, blank ? (size_t)(blank - name) : name_len));
		assert(conf_names_of(names, &entry->key) == name);
		assert(!i || memcmp(&entry[-1].key, &entry->key, sizeof(entry->key)) < 0);
		r = conf_names_find(&key, names, name, &err);
		assert(r ? r == -EEXIST && err.text[0] : !memcmp(&key, &entry->key, sizeof(key)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(conf_names_fini) struct conf_names names = { 0 };
	AUTO(conf_names_fini) struct conf_names list = { 0 };
	const char *text = (const char *)data;

	conf_names_add(&names, text, size);
	check(&names, text, size);
	conf_names_add_list(&list, text, size);
	check(&list, text, size);
	conf_names_add_list(&names, text, size);
	check(&names, text, size);
	return 0;
}
