/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shares of a ticker, taken together.
 */
#ifndef SCHED_TICK_SHARES_H
#define SCHED_TICK_SHARES_H

#include "ticker_cpu.h"

struct attribute;

bool ticker_is_several(int cpus, const struct cpumask *list);
struct ticker_cpu *ticker_next_share(struct ticker *ticker,
				     struct ticker_cpu *share);
struct ticker_cpu *ticker_find_share(struct ticker *ticker,
				     const struct attribute *attr);
bool ticker_has_cpu(int cpus, const struct cpumask *list, unsigned int cpu);
int ticker_create_share(struct ticker *ticker, unsigned int cpu);
int ticker_create_shares(struct ticker *ticker, int cpus,
			 const struct cpumask *list);
void ticker_update_queue(struct ticker *ticker);
void ticker_update_shares(struct ticker *ticker);
int ticker_halt(struct ticker *ticker);
void ticker_resume(struct ticker *ticker);
void ticker_settle(struct ticker *ticker, bool end);
void ticker_start_timeline(struct ticker *ticker);

void ticker_shares_init(void);

void ticker_read_snapshot(struct ticker *ticker,
			  struct ticker_snapshot *snapshot);
void ticker_read_share(struct ticker_cpu *share,
		       struct ticker_snapshot *snapshot);

#endif /* SCHED_TICK_SHARES_H */
