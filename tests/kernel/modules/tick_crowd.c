// SPDX-License-Identifier: GPL-2.0-only
/* Takes all that is left of CPU hotplug's dynamic states: nobody else gets one. */
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

	/* The first that is free is given: with the last, all are taken. More draws a warning. */
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

MODULE_DESCRIPTION("Leaves no dynamic state of CPU hotplug to sched_tick");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
