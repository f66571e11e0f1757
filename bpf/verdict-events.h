/* SPDX-License-Identifier: GPL-2.0 */
/* Sends verdict events to the agent, rate-limited per slot. */
#ifndef PODLANE_VERDICT_EVENTS_H
#define PODLANE_VERDICT_EVENTS_H

#include "counters.h"
#include "rule-maps.h"
#include "parse.h"

/* Takes a token from the slot's bucket, stored as the time until which tokens are spent. Returns 0 if it is empty. */
static __always_inline int take_token(__u32 slot, __u64 now)
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

/* Sets the time of a verdict event and sends it. */
__noinline int send_verdict(struct podlane_verdict_event *event)
{
	if (!event || !settings.verdict_interval)
		return 0;
	__u32 index = counter_index(event->slot);
	struct podlane_lost_verdicts *lost = bpf_map_lookup_elem(&lost_verdicts, &index);
	__u64 now = bpf_ktime_get_ns();

	event->time = now;
	if (!take_token(event->slot, now)) {
		if (lost)
			lost->rate_limited++;
		return 0;
	}
	if (bpf_ringbuf_output(&verdicts, event, sizeof(*event), 0) < 0 && lost)
		lost->buffer_full++;
	return 0;
}

static __always_inline void init_event(struct podlane_verdict_event *event, struct __sk_buff *skb, __u32 slot,
				       __u32 owner, __u32 direction)
{
	event->slot = slot;
	event->owner = owner;
	event->direction = direction;
	event->length = skb->len - ETH_HLEN;
}

/* Sends a verdict event for a drop that no rule caused. */
__noinline int send_drop(struct __sk_buff *skb, __u32 slot, __u32 owner, __u32 direction, __u32 reason)
{
	struct packet packet = {};

	if (!settings.verdict_interval)
		return 0;
	parse_packet(skb, &packet);
	init_event(&packet.event, skb, slot, owner, direction);
	packet.event.reason = reason;
	if (skb->vlan_present)
		packet.event.ethertype = bpf_ntohs(skb->vlan_proto);
	return send_verdict(&packet.event);
}

#endif
