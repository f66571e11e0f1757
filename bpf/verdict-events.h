/* SPDX-License-Identifier: GPL-2.0 */
/* Tells the agent of verdicts, no more often than a slot may. */
#ifndef PODLANE_VERDICTS_H
#define PODLANE_VERDICTS_H

#include "rule-maps.h"
#include "parse.h"

/* A bucket of tokens, kept as the time until which they are spent: 0 where there is none. */
static __always_inline int may_tell(__u32 slot, __u64 now)
{
	__u64 *spent = bpf_map_lookup_elem(&verdict_rates, &slot);

	if (!spent)
		return 0;
	__u64 from = *spent > now ? *spent : now;
	if (from - now > settings.verdict_burst)
		return 0;
	*spent = from + settings.verdict_interval;
	return 1;
}

/* Sends the verdict, its time set. */
__noinline int tell(struct podlane_verdict *verdict)
{
	if (!verdict || !settings.verdict_interval)
		return 0;
	__u32 index = counter_index(verdict->slot);
	struct podlane_lost *lost = bpf_map_lookup_elem(&lost_verdicts, &index);
	__u64 now = bpf_ktime_get_ns();

	verdict->time = now;
	if (!may_tell(verdict->slot, now)) {
		if (lost)
			lost->limited++;
		return 0;
	}
	if (bpf_ringbuf_output(&verdicts, verdict, sizeof(*verdict), 0) < 0 && lost)
		lost->full++;
	return 0;
}

static __always_inline void begin_verdict(struct podlane_verdict *verdict, struct __sk_buff *skb, __u32 slot,
					  __u32 owner, __u32 direction)
{
	verdict->slot = slot;
	verdict->owner = owner;
	verdict->direction = direction;
	verdict->length = skb->len - ETH_HLEN;
}

/* Tells of a drop that no rule had a part in. */
__noinline int tell_drop(struct __sk_buff *skb, __u32 slot, __u32 owner, __u32 direction, __u32 reason)
{
	struct packet packet = {};

	if (!settings.verdict_interval)
		return 0;
	read_packet(skb, &packet);
	begin_verdict(&packet.verdict, skb, slot, owner, direction);
	packet.verdict.reason = reason;
	return tell(&packet.verdict);
}

#endif
