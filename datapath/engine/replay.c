/*
 * The replay window: a ring of bits, one for each counter, as RFC 6479 has it. The ring has one
 * word more than the window needs, so moving on clears whole words and never shifts bits.
 * A struct replay owns itself; one thread at a time.
 */
#include "datapath/engine/replay.h"

#include "datapath/engine/wire.h"

enum {
	WORD_BITS = 64,
	WORDS = REPLAY_BITS / WORD_BITS,
};

bool replay_accept(struct replay *replay, uint64_t counter)
{
	uint64_t newest = replay->next ? replay->next - 1 : 0;
	uint64_t word = counter / WORD_BITS, bit = UINT64_C(1) << counter % WORD_BITS;

	if (counter >= REJECT_AFTER_MESSAGES)
		return false;
	if (counter >= replay->next) {
		uint64_t n_new = word - newest / WORD_BITS;

		/* The words in between were those of counters now too old. */
		for (uint64_t i = 0; i < n_new && i < WORDS; i++)
			replay->seen[(word - i) % WORDS] = 0;
		replay->next = counter + 1;
	} else if (newest - counter > REPLAY_WINDOW) {
		return false;
	}
	if (replay->seen[word % WORDS] & bit)
		return false;
	replay->seen[word % WORDS] |= bit;
	return true;
}
