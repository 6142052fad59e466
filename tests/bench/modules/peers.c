// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other methods to compare sched_tick with, one at a time:
 *
 *	requeue	a delayed work that requeues itself one period after it runs, as
 *		the kernel module guide's "Scheduling Tasks" did
 *	hrtimer	an hrtimer whose callback only restarts it: no worker, so no
 *		tick may sleep. The baseline of any timer
 *	work	the same, and it queues an empty work item: the baseline of any
 *		tick that may sleep
 *	timed	the same, and the work item records its lateness
 *	bare	a configfs group in which mkdir creates an object with as many
 *		files as a ticker has; each reads a constant
 */
#include <linux/configfs.h>
#include <linux/debugfs.h>
#include <linux/hrtimer.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "compat.h"

#define PEER_SAMPLES	5000

static char *what = "";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "requeue, hrtimer, work, timed or bare");

static unsigned int period_ms = 1;
module_param(period_ms, uint, 0444);
MODULE_PARM_DESC(period_ms, "the period (1)");

static unsigned int count = 1;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "number of timers (1)");

static unsigned int apart_ms;
module_param(apart_ms, uint, 0444);
MODULE_PARM_DESC(apart_ms, "time between the expiries of two timers (0)");

static unsigned int runs;
module_param(runs, uint, 0444);
MODULE_PARM_DESC(runs, "number of runs");

/*
 * Lateness in ns: of requeue, from one period after the previous run; of timed,
 * from the timer's expiry.
 */
static u32 samples[PEER_SAMPLES];
static struct debugfs_u32_array samples_array = { .array = samples };
static struct dentry *directory;

static struct workqueue_struct *queue;
static u64 due_ns;

static u64 peer_run(void)
{
	u64 now_ns = ktime_get_ns();

	if (runs < PEER_SAMPLES) {
		samples[runs] = now_ns - due_ns;
		samples_array.n_elements = runs + 1;
	}
	runs++;
	return now_ns;
}

static void requeue_work(struct work_struct *work)
{
	due_ns = peer_run() + period_ms * NSEC_PER_MSEC;
	queue_delayed_work(queue, to_delayed_work(work),
			   msecs_to_jiffies(period_ms));
}

static DECLARE_DELAYED_WORK(requeue, requeue_work);

/* A timer and its work item. */
struct peer {
	struct hrtimer timer;
	struct work_struct work;
};

static struct peer *peers;
static work_func_t run;

static void empty_work(struct work_struct *work)
{
	runs++;
}

static void timed_work(struct work_struct *work)
{
	peer_run();
}

static enum hrtimer_restart timer_fires(struct hrtimer *timer)
{
	struct peer *peer = container_of(timer, struct peer, timer);

	due_ns = ktime_to_ns(hrtimer_get_expires(timer));
	if (run)
		queue_work(queue, &peer->work);
	else
		runs++;
	hrtimer_forward_now(timer, ms_to_ktime(period_ms));
	return HRTIMER_RESTART;
}

static int peer_timers_init(void)
{
	ktime_t first = ktime_add_ms(ktime_get(), period_ms);
	unsigned int i;

	peers = kvcalloc(count, sizeof(*peers), GFP_KERNEL);
	if (!peers)
		return -ENOMEM;
	if (!strcmp(what, "work"))
		run = empty_work;
	if (!strcmp(what, "timed"))
		run = timed_work;
	for (i = 0; i < count; i++) {
		if (run)
			INIT_WORK(&peers[i].work, run);
		hrtimer_setup(&peers[i].timer, timer_fires, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
		hrtimer_start(&peers[i].timer, ktime_add_ms(first, i * apart_ms),
			      HRTIMER_MODE_ABS_HARD);
	}
	return 0;
}

static void peer_timers_exit(void)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		hrtimer_cancel(&peers[i].timer);
		if (run)
			cancel_work_sync(&peers[i].work);
	}
	kvfree(peers);
}

/* As many files and directories as a ticker has; each file reads 0. */
static ssize_t bare_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0\n");
}

static const struct sysfs_ops bare_sysfs_ops = { .show = bare_show };

#define BARE(_name)	(&(struct attribute){ .name = _name, .mode = 0444 })

static struct attribute *bare_attrs[] = {
	BARE("a"), BARE("b"), BARE("c"), BARE("d"), BARE("e"), BARE("f"), BARE("g"),
	BARE("h"), BARE("i"), BARE("j"), BARE("k"), BARE("l"), BARE("m"), NULL
};

static struct attribute *bare_more_attrs[] = {
	BARE("a"), BARE("b"), BARE("c"), BARE("d"), BARE("e"), NULL
};

static const struct attribute_group bare_group = { .attrs = bare_attrs };
static const struct attribute_group bare_first = { .name = "first", .attrs = bare_more_attrs };
static const struct attribute_group bare_second = { .name = "second", .attrs = bare_more_attrs };
static const struct attribute_group *bare_groups[] = {
	&bare_group, &bare_first, &bare_second, NULL
};

static void bare_release(struct kobject *kobj)
{
	kfree(kobj);
}

static struct kobj_type bare_ktype = {
	.release = bare_release,
	.sysfs_ops = &bare_sysfs_ops,
	.default_groups = bare_groups,
};

struct bare_item {
	struct config_item item;
	struct kobject *kobj;
};

static struct kobject *bare_parent;

static void bare_item_release(struct config_item *item)
{
	kfree(container_of(item, struct bare_item, item));
}

static struct configfs_item_operations bare_item_ops = { .release = bare_item_release };
static const struct config_item_type bare_item_type = {
	.ct_item_ops = &bare_item_ops,
	.ct_owner = THIS_MODULE,
};

static struct config_item *bare_make(struct config_group *group, const char *name)
{
	struct bare_item *item = kzalloc(sizeof(*item), GFP_KERNEL);

	if (!item)
		return ERR_PTR(-ENOMEM);
	item->kobj = kzalloc(sizeof(*item->kobj), GFP_KERNEL);
	if (!item->kobj || kobject_init_and_add(item->kobj, &bare_ktype, bare_parent, "%s", name)) {
		if (item->kobj)
			kobject_put(item->kobj);
		kfree(item);
		return ERR_PTR(-ENOMEM);
	}
	config_item_init_type_name(&item->item, name, &bare_item_type);
	return &item->item;
}

static void bare_drop(struct config_group *group, struct config_item *item)
{
	struct kobject *kobj = container_of(item, struct bare_item, item)->kobj;

	kobject_del(kobj);
	kobject_put(kobj);
	config_item_put(item);
}

static struct configfs_group_operations bare_ops = {
	.make_item = bare_make,
	.drop_item = bare_drop,
};

static const struct config_item_type bare_type = {
	.ct_group_ops = &bare_ops,
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem bare_subsys = {
	.su_group.cg_item = {
		.ci_namebuf = "bare",
		.ci_type = &bare_type,
	},
};

static int bare_init(void)
{
	int err;

	bare_parent = kobject_create_and_add("bare", kernel_kobj);
	if (!bare_parent)
		return -ENOMEM;
	config_group_init(&bare_subsys.su_group);
	mutex_init(&bare_subsys.su_mutex);
	err = configfs_register_subsystem(&bare_subsys);
	if (err)
		kobject_put(bare_parent);
	return err;
}

static int __init peers_init(void)
{
	int err = 0;

	if (!strcmp(what, "bare"))
		return bare_init();

	/* The same flags as sched_tick's queue. */
	queue = alloc_workqueue("tick", WQ_PERCPU | WQ_HIGHPRI, WQ_MAX_ACTIVE);
	if (!queue)
		return -ENOMEM;
	directory = debugfs_create_dir("peers", NULL);
	debugfs_create_u32_array("samples", 0444, directory, &samples_array);
	due_ns = ktime_get_ns() + period_ms * NSEC_PER_MSEC;
	if (!strcmp(what, "requeue"))
		queue_delayed_work(queue, &requeue, msecs_to_jiffies(period_ms));
	else
		err = peer_timers_init();
	if (err) {
		debugfs_remove(directory);
		destroy_workqueue(queue);
	}
	return err;
}

static void __exit peers_exit(void)
{
	if (!strcmp(what, "bare")) {
		configfs_unregister_subsystem(&bare_subsys);
		kobject_put(bare_parent);
		return;
	}
	if (peers)
		peer_timers_exit();
	else
		cancel_delayed_work_sync(&requeue);
	destroy_workqueue(queue);
	debugfs_remove(directory);
}

module_init(peers_init);
module_exit(peers_exit);

MODULE_DESCRIPTION("Other methods to compare sched_tick with");
MODULE_AUTHOR("The sched_tick developers");
MODULE_LICENSE("GPL");
