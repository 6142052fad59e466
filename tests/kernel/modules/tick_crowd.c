// SPDX-License-Identifier: GPL-2.0-only
/* Takes all free dynamic states of CPU hotplug, so that sched_tick gets none. */
#include <linux/cpuhotplug.h>
#include <linux/module.h>

static int crowd_states[CPUHP_AP_ONLINE_DYN_END - CPUHP_AP_ONLINE_DYN + 1];
static unsigned int crowd_count;

static void crowd_leave(void)
{
	while (crowd_count)
		cpuhp_remove_state_nocalls(crowd_states[--crowd_count]);
}

static int __init crowd_init(void)
{
	int state;

	/* States are allocated in order. After the last one another request would warn. */
	do {
		state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "tick_crowd", NULL, NULL);
		if (state < 0) {
			crowd_leave();
			return state;
		}
		crowd_states[crowd_count++] = state;
	} while (state < CPUHP_AP_ONLINE_DYN_END);
	return 0;
}
module_init(crowd_init);

static void __exit crowd_exit(void)
{
	crowd_leave();
}
module_exit(crowd_exit);

MODULE_DESCRIPTION("Takes all dynamic states of CPU hotplug, to test sched_tick without one");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
