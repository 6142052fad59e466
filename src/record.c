// SPDX-License-Identifier: GPL-2.0-only
/*
 * The record of a ticker's last stall: print it, and forget code that is freed.
 *
 * A record holds addresses, and their symbols are looked up when it is read. When the
 * code of a module has been freed, another module can have its addresses. So a
 * record forgets them before: when a module is unloaded, and for its init
 * functions when it has been loaded.
 */
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "culprit.h"
#include "event.h"
#include "record.h"
#include "ticker.h"
#include "ticker_cpu.h"

static LIST_HEAD(ticker_records);

/* Protects the list. While it is held, no code whose address a record holds is freed. */
static DEFINE_MUTEX(ticker_record_lock);

#ifdef CONFIG_MODULES
static void ticker_forget_address(unsigned long *address, unsigned int offset,
				  const struct module *module,
				  unsigned long state)
{
	unsigned long code = *address - offset;

	/* If a load fails, its init functions are freed with the rest. */
	if (state == MODULE_STATE_GOING ? within_module(code, module) :
					  within_module_init(code, module))
		*address = TICKER_FREED;
}

static void ticker_forget_module(struct ticker *ticker,
				 const struct module *module,
				 unsigned long state)
{
	struct ticker_cpu *share = READ_ONCE(ticker->event->stalled);
	unsigned int i;

	/* The records of its other shares are not read any more. */
	if (!share)
		return;
	raw_spin_lock_irq(&share->lock);
	ticker_forget_address(&share->stall.culprit.function, 0, module, state);
	for (i = 0; i < ARRAY_SIZE(share->stall.stack); i++)
		ticker_forget_address(&share->stall.stack[i], 1, module, state);
	raw_spin_unlock_irq(&share->lock);
}

/* The code is freed after this returns, and is not executed any more. */
static int ticker_module_notify(struct notifier_block *block,
				unsigned long state, void *module)
{
	struct ticker *ticker;

	if (state != MODULE_STATE_LIVE && state != MODULE_STATE_GOING)
		return NOTIFY_DONE;

	mutex_lock(&ticker_record_lock);
	list_for_each_entry(ticker, &ticker_records, record_node)
		ticker_forget_module(ticker, module, state);
	mutex_unlock(&ticker_record_lock);
	return NOTIFY_OK;
}

static struct notifier_block ticker_module_block = {
	.notifier_call = ticker_module_notify,
};
#else
static struct notifier_block ticker_module_block;
#endif

/**
 * ticker_record_add() - have the record of a ticker forget code that is freed
 * @ticker: the ticker, new
 *
 * Context: may sleep.
 */
void ticker_record_add(struct ticker *ticker)
{
	mutex_lock(&ticker_record_lock);
	list_add_tail(&ticker->record_node, &ticker_records);
	mutex_unlock(&ticker_record_lock);
}

/**
 * ticker_record_remove() - undo ticker_record_add()
 * @ticker: the ticker, whose record nobody reads any more
 *
 * Context: may sleep.
 */
void ticker_record_remove(struct ticker *ticker)
{
	mutex_lock(&ticker_record_lock);
	list_del(&ticker->record_node);
	mutex_unlock(&ticker_record_lock);
}

static int ticker_record_print(const struct ticker *ticker,
			       const struct ticker_stall *stall, char *buf)
{
	const struct ticker_culprit *culprit = &stall->culprit;
	char comm[TICKER_COMM_LEN], symbol[TICKER_SYMBOL_LEN];
	const char *function;
	unsigned int i;
	int at;

	function = ticker_culprit_format_symbol(symbol, culprit->function,
						false);
	at = sysfs_emit(buf, "ticker %s\ncpu %d\ndeadline %llu\noverdue_ns %llu\n"
			"context %s\ncomm %s\npid %d\nfunction %s\n",
			ticker->name, culprit->cpu, stall->deadline_ns,
			stall->overdue_ns, ticker_context_names[culprit->context],
			ticker_culprit_format_comm(comm, culprit->comm),
			culprit->pid, function);
	if (*stall->stack)
		at += sysfs_emit_at(buf, at, "%s\n", function);
	for (i = 0; i < ARRAY_SIZE(stall->stack) && stall->stack[i]; i++)
		at += sysfs_emit_at(buf, at, "%s\n",
				    ticker_culprit_format_symbol(symbol,
								 stall->stack[i],
								 true));
	return at;
}

/**
 * ticker_record_show() - print the record of a ticker's last stall
 * @ticker: the ticker
 * @buf: a page
 *
 * Context: process context; may sleep.
 * Return: the number of bytes; 0 if there was no stall.
 */
ssize_t ticker_record_show(struct ticker *ticker, char *buf)
{
	struct ticker_stall stall;
	struct ticker_cpu *share;
	int length = 0;

	mutex_lock(&ticker_record_lock);
	share = READ_ONCE(ticker->event->stalled);
	if (share) {
		raw_spin_lock_irq(&share->lock);
		stall = share->stall;
		raw_spin_unlock_irq(&share->lock);
		length = ticker_record_print(ticker, &stall, buf);
	}
	mutex_unlock(&ticker_record_lock);
	return length;
}

/**
 * ticker_record_init() - prepare for the first ticker
 *
 * Return: 0 or a negative error code.
 */
int ticker_record_init(void)
{
	return register_module_notifier(&ticker_module_block);
}

/**
 * ticker_record_exit() - undo ticker_record_init() after the last ticker is released
 */
void ticker_record_exit(void)
{
	unregister_module_notifier(&ticker_module_block);
}
