/* The load rule: see load.h. A queue's length is kept as the time it would take to work it off. */
#include "datapath/engine/load.h"

#define COST (SEC(1) / LOAD_PER_SECOND)

bool load_add(struct load *load, mono_ns now, bool (*is_backlogged)(void *ctx), void *ctx)
{
	if (load->busy_until < now)
		load->busy_until = now;
	/* A flood must not be remembered for longer than a full queue takes. */
	if (load->busy_until - now < 2 * LOAD_QUEUE * COST)
		load->busy_until += COST;
	if (load->busy_until - now >= LOAD_QUEUE * COST && (!is_backlogged || is_backlogged(ctx)))
		load->alert_until = now + SEC(1);
	return now < load->alert_until;
}
