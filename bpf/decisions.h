/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keeps where from_pod sends the packets of TCP and UDP flows, by CPU: to another pod's device or to the host stack. A
 * packet of a kept flow needs no look-up of its source, its target, the target's device and its path. Decisions are void as
 * soon as the agent changes slots, endpoints or packet checks, or the path of their flow becomes another: both advance a
 * generation. The kernel announces neither another MTU nor the end of a device to programs, so the device is looked at once
 * in each tick, and all is decided anew after some ticks.
 *
 * Only the own CPU reads and writes a decision, and our hooks run with softirqs disabled, as for the counters.
 */
#ifndef PODLANE_DECISIONS_H
#define PODLANE_DECISIONS_H

#include <linux/if_packet.h>
#include "counters.h"
#include "flow-path.h"
#include "forward.h"
#include "rule-maps.h"

/* Not pinned: the programs of another build decide anew. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PODLANE_DECISIONS);
	__type(key, __u32);
	__type(value, struct podlane_decision);
} decisions SEC(".maps");

#define PORT_BYTES 8 /* of a transport header: those that conntrack needs too */
#define TICKS_OF_A_DECISION 64
#define UNDECIDED 0
/* With any of these, each packet has to be evaluated or traced. */
#define SETTINGS_OF_SINGLE_PACKETS (PODLANE_ACTIVE_RULES | PODLANE_STAGED_RULES | PODLANE_TRACE)
/* Has the compiler read a packet's bytes again rather than keep them on the stack. */
#define READ_AGAIN() asm volatile("" : : : "memory")

static __always_inline __u64 decision_sender(__u32 slot, __u32 hook, __u32 family, __u32 protocol)
{
	return (__u64)slot << 16 | hook << 12 | family << 8 | protocol;
}

static __always_inline struct podlane_decision *find_decision4(const struct ipv4 *ip)
{
	const void *addresses = &ip->source, *ports = ip + 1;
	__u32 index = hash_word(*(__u64 *)addresses ^ (__u64)*(__u32 *)ports << 16, PODLANE_DECISION_BITS);

	return bpf_map_lookup_elem(&decisions, &index);
}

static __always_inline struct podlane_decision *find_decision6(const struct ipv6 *ip)
{
	const __u64 *address = (void *)ip->source;
	const void *ports = ip + 1;
	__u64 word = address[0] ^ address[1] << 1 ^ address[2] << 2 ^ address[3] << 3 ^ (__u64)*(__u32 *)ports << 16;
	__u32 index = hash_word(word, PODLANE_DECISION_BITS);

	return bpf_map_lookup_elem(&decisions, &index);
}

/* Looks at the target's device again. Returns 0 where it does not take the packet, or the decision is too old. */
static __noinline int check_device(struct __sk_buff *skb, struct podlane_decision *decision)
{
	__u32 tick = bpf_jiffies64(), mtu = 0;

	if (tick - decision->decided > TICKS_OF_A_DECISION)
		return 0;
	if (decision->target) {
		if (bpf_check_mtu(skb, decision->target, &mtu, 0, BPF_MTU_CHK_SEGS))
			return 0;
		decision->mtu = mtu;
	}
	decision->checked = tick;
	return 1;
}

/* True if a decision about the packet's flow holds. */
static __always_inline int is_current(struct __sk_buff *skb, struct podlane_decision *decision)
{
	if (decision->flow_generation != *flow_generation(decision->flow) ||
	    decision->slots_generation != settings.slots_generation)
		return 0;
	return (decision->checked == (__u32)bpf_jiffies64() && skb->len <= decision->mtu) || check_device(skb, decision);
}

static __always_inline struct podlane_counters *count_decided(struct __sk_buff *skb,
							      const struct podlane_decision *decision)
{
	struct podlane_counters *totals = bpf_map_lookup_elem(&counters, &decision->counters);

	if (totals)
		count_egress(totals, skb->len - ETH_HLEN);
	return totals;
}

static __always_inline int redirect_as_decided(struct __sk_buff *skb, struct frame *frame,
					       struct podlane_counters *totals, const struct podlane_decision *decision)
{
	if (totals)
		count_redirected(totals, skb->len - ETH_HLEN);
	write_macs(frame, decision->to_and_from, decision->from);
	bpf_redirect(decision->target, 0);
	return VERDICT_REDIRECT;
}

/* The packet has to be plain: lengths that agree, no options, no fragment. All others are decided one by one. */
static __always_inline int use_decision4(struct __sk_buff *skb, struct frame *frame, __u32 slot, __u32 hook)
{
	struct ipv4 *ip = (void *)frame + ETH_HLEN;
	const void *addresses = &ip->source, *ports = ip + 1;

	if (!is_plain4(skb, ip) || ip->fragment & bpf_htons(0x3fff) || ip->ttl <= 1)
		return UNDECIDED;
	struct podlane_decision *decision = find_decision4(ip);
	READ_AGAIN();
	if (!decision || decision->address != *(__u64 *)addresses || decision->ports != *(__u32 *)ports ||
	    decision->sender != decision_sender(slot, hook, 4, ip->protocol) || !is_current(skb, decision))
		return UNDECIDED;
	struct podlane_counters *totals = count_decided(skb, decision);
	if (!decision->target)
		return VERDICT_NEXT;
	forward4(ip);
	return redirect_as_decided(skb, frame, totals, decision);
}

static __always_inline int use_decision6(struct __sk_buff *skb, struct frame *frame, __u32 slot, __u32 hook)
{
	struct ipv6 *ip = (void *)frame + ETH_HLEN;
	const __u64 *addresses = (void *)ip->source;
	const void *ports = ip + 1;

	if (!is_plain6(skb, ip) || ip->hop_limit <= 1)
		return UNDECIDED;
	struct podlane_decision *decision = find_decision6(ip);
	READ_AGAIN();
	if (!decision || decision->address != addresses[0] || decision->addresses[0] != addresses[1] ||
	    decision->addresses[1] != addresses[2] || decision->addresses[2] != addresses[3] ||
	    decision->ports != *(__u32 *)ports || decision->sender != decision_sender(slot, hook, 6, ip->next_header) ||
	    !is_current(skb, decision))
		return UNDECIDED;
	struct podlane_counters *totals = count_decided(skb, decision);
	if (!decision->target)
		return VERDICT_NEXT;
	forward6(skb, ip);
	return redirect_as_decided(skb, frame, totals, decision);
}

/*
 * Counts a packet of a kept flow, and sends it where the flow goes. Returns UNDECIDED, the packet unchanged and not
 * counted, for any other.
 */
static __always_inline int use_decision(struct __sk_buff *skb, __u32 slot, __u32 hook)
{
	struct frame *frame = PACKET_POINTER(skb, data);
	void *end = PACKET_POINTER(skb, data_end);

	if ((void *)frame + ETH_HLEN + sizeof(struct ipv4) + PORT_BYTES > end || skb->pkt_type != PACKET_HOST ||
	    skb->vlan_present || settings.flags & SETTINGS_OF_SINGLE_PACKETS)
		return UNDECIDED;
	if (frame->type == bpf_htons(ETH_P_IP))
		return use_decision4(skb, frame, slot, hook);
	if (frame->type == bpf_htons(ETH_P_IPV6) && (void *)frame + ETH_HLEN + sizeof(struct ipv6) + PORT_BYTES <= end)
		return use_decision6(skb, frame, slot, hook);
	return UNDECIDED;
}

/* A decision about a packet, while it is made. */
struct new_decision {
	__u32 slots_generation; /* read first */
	struct flow_generation flow;
	__u32 is_kept; /* it holds for the packet's whole flow */
	__u32 target;  /* slot */
	__u32 mtu;
};

/* Keeps a decision about a flow; `target` is NULL where its packets go to the host stack. */
static __always_inline void keep_decision(struct podlane_decision *decision, __u32 slot, __u64 sender, __u32 ports,
					  const struct new_decision *made, const struct podlane_slot *target)
{
	__u32 tick = bpf_jiffies64();

	decision->ports = ports;
	decision->slots_generation = made->slots_generation;
	decision->flow = made->flow.flow;
	decision->flow_generation = made->flow.generation;
	decision->checked = decision->decided = tick;
	decision->mtu = target ? made->mtu : ~0U;
	decision->target = target ? primary_of(target, made->target) : 0;
	decision->to_and_from = target ? target->macs.to_and_from : 0;
	decision->from = target ? target->macs.from : 0;
	decision->counters = counter_index(slot);
	decision->sender = sender;
}

/* No decision is kept where nobody counts the changes of slots. */
static __always_inline int may_keep(const struct new_decision *made, __u32 protocol)
{
	return made->is_kept && made->slots_generation && (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP);
}

static __always_inline void keep_decision4(struct __sk_buff *skb, const struct ipv4 *ip, __u32 slot, __u32 hook,
					   const struct new_decision *made, const struct podlane_slot *target)
{
	const void *addresses = &ip->source, *ports = ip + 1;

	if (!may_keep(made, ip->protocol) || ports + PORT_BYTES > PACKET_POINTER(skb, data_end))
		return;
	struct podlane_decision *decision = find_decision4(ip);
	if (!decision)
		return;
	decision->address = *(__u64 *)addresses;
	keep_decision(decision, slot, decision_sender(slot, hook, 4, ip->protocol), *(__u32 *)ports, made, target);
}

static __always_inline void keep_decision6(struct __sk_buff *skb, const struct ipv6 *ip, __u32 slot, __u32 hook,
					   const struct new_decision *made, const struct podlane_slot *target)
{
	const __u64 *addresses = (void *)ip->source;
	const void *ports = ip + 1;

	if (!may_keep(made, ip->next_header) || ports + PORT_BYTES > PACKET_POINTER(skb, data_end))
		return;
	struct podlane_decision *decision = find_decision6(ip);
	if (!decision)
		return;
	decision->address = addresses[0];
	__builtin_memcpy(decision->addresses, addresses + 1, sizeof(decision->addresses));
	keep_decision(decision, slot, decision_sender(slot, hook, 6, ip->next_header), *(__u32 *)ports, made, target);
}

#endif
