/* SPDX-License-Identifier: GPL-2.0 */
/* Sends an event for each packet that matches a trace filter, with the result of the program. */
#ifndef PODLANE_TRACE_H
#define PODLANE_TRACE_H

#include "rule-maps.h"
#include "parse.h"

static __always_inline int same_address(const __u32 *a, const __u32 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

static __always_inline int matches_filter(const struct podlane_trace_filter *filter, __u32 owner,
					  const struct packet *packet)
{
	const struct podlane_tuple *tuple = &packet->event.tuple;
	const __u32 *address = filter->address;

	if (!filter->id || (filter->owner && filter->owner != owner))
		return 0;
	if (filter->family && filter->family != packet->family)
		return 0;
	if (filter->protocol && filter->protocol != tuple->protocol)
		return 0;
	if (filter->port && filter->port != tuple->source_port && filter->port != tuple->destination_port)
		return 0;
	return !(address[0] | address[1] | address[2] | address[3]) || same_address(address, tuple->source) ||
	       same_address(address, tuple->destination);
}

/* Returns the length of the headers in bytes, from the network header up to and including layer 4. */
static __always_inline __u32 count_header_bytes(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 size = packet->offset - ETH_HLEN;
	__u8 words;

	if (!packet->family) /* ARP has no payload */
		return skb->len - ETH_HLEN < 28 ? skb->len - ETH_HLEN : 28;
	if (!packet->offset) /* malformed after the IP header */
		return packet->family == 4 ? 20 : 40;
	if (packet->kind == PACKET_LATER_FRAGMENT)
		return size;
	if (packet->event.tuple.protocol == IPPROTO_TCP &&
	    !bpf_skb_load_bytes(skb, packet->offset + 12, &words, 1))
		return size + (words >> 4) * 4;
	if (packet->event.tuple.protocol == IPPROTO_UDP || is_icmp(packet))
		return size + 8;
	return packet->event.tuple.protocol == PROTOCOL_SCTP ? size + 12 : size;
}

/*
 * `verdict` is an enum podlane_trace_verdict | drop reason << 8, `rule_or_target` the rule that denied the packet or the
 * slot that it was redirected to.
 */
__noinline int trace(struct __sk_buff *skb, __u32 slot_and_hook, __u32 owner, __u32 verdict, __u32 rule_or_target)
{
	struct packet packet = {};
	struct podlane_trace_event *event;
	__u32 id = 0;

	parse_packet(skb, &packet);
	for (__u32 i = 0; i < PODLANE_TRACES && !id; i++) {
		__u32 index = i;
		struct podlane_trace_filter *filter = bpf_map_lookup_elem(&trace_filters, &index);
		if (filter && matches_filter(filter, owner, &packet))
			id = filter->id;
	}
	if (!id)
		return 0;
	event = bpf_ringbuf_reserve(&traces, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&settings.lost_traces, 1);
		return 0;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->time = bpf_ktime_get_ns();
	event->id = id;
	event->slot = slot_and_hook >> 8;
	event->hook = slot_and_hook;
	event->owner = owner;
	event->verdict = verdict;
	if ((__u8)verdict == PODLANE_TRACED_DROP) {
		event->reason = verdict >> 8;
		event->rule = rule_or_target;
	} else if ((__u8)verdict == PODLANE_TRACED_REDIRECT) {
		event->target = rule_or_target;
	}
	event->length = skb->len - ETH_HLEN;
	__u32 size = count_header_bytes(skb, &packet);
	if (size > skb->len - ETH_HLEN)
		size = skb->len - ETH_HLEN;
	if (size > PODLANE_HEADER_BYTES)
		size = PODLANE_HEADER_BYTES;
	if (size > 0 && size <= PODLANE_HEADER_BYTES && !bpf_skb_load_bytes(skb, ETH_HLEN, event->header, size))
		event->header_bytes = size;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

#endif
