/* SPDX-License-Identifier: GPL-2.0 */
/* Redirects packets to another pod of the node, past the host stack. */
#ifndef PODLANE_REDIRECT_H
#define PODLANE_REDIRECT_H

#include <linux/if_packet.h>
#include "decisions.h"
#include "flow-path.h"
#include "forward.h"
#include "validate.h"

/*
 * Returns 0 where the packet must go through the host stack. This and the next function are not inlined, so that their
 * variables are not on the stack of what else programs call.
 */
static __noinline int may_redirect4(struct __sk_buff *skb, const struct ipv4 *ip, struct flow_generation *read)
{
	struct flow flow;
	__u32 request = 0;

	return read_flow4(skb, ip, &flow, &request) && may_redirect(skb, &flow, request, read);
}

static __noinline int may_redirect6(struct __sk_buff *skb, const struct ipv6 *ip, struct flow_generation *read)
{
	struct flow flow;
	__u32 request = 0;

	return read_flow6(skb, ip, &flow, &request) && may_redirect(skb, &flow, request, read);
}

/*
 * Returns the slot that a packet of slot `own` to the address of `endpoint` can be redirected to; NULL where the packet
 * belongs to the host stack. So does one that is too big for the target: the stack answers it with an ICMP error.
 */
static __always_inline struct podlane_slot *find_target(struct __sk_buff *skb, __u32 own,
							const struct podlane_endpoint *endpoint,
							struct new_decision *made)
{
	made->is_kept = 1;
	if (!endpoint || endpoint->slot == own)
		return NULL;
	made->target = endpoint->slot;
	struct podlane_slot *target = bpf_map_lookup_elem(&slots, &made->target);
	if (!target || !target->owner || target->owner != endpoint->owner || target->flags & PODLANE_HOST_ROUTED)
		return NULL;
	/* Fails if the device no longer exists. */
	made->mtu = 0;
	if (bpf_check_mtu(skb, primary_of(target, made->target), &made->mtu, 0, BPF_MTU_CHK_SEGS)) {
		made->is_kept = 0;
		return NULL;
	}
	return target;
}

/*
 * Writes the MAC addresses and redirects; `ip` is the header after the Ethernet header. Writes in place are faster than
 * a helper call: the verifier makes the program unclone the packet's headers before from_pod runs, and nothing is
 * written before the redirect is certain.
 */
static __always_inline void redirect_to(void *ip, const struct podlane_slot *target, __u32 number)
{
	write_macs(ip - ETH_HLEN, target->macs.to_and_from, target->macs.from);
	bpf_redirect(primary_of(target, number), 0);
}

static __always_inline int redirect4(struct __sk_buff *skb, __u32 own, __u32 hook, struct ipv4 *ip, __u32 wanted,
				     struct new_decision *made)
{
	struct podlane_slot *target = NULL;

	if (ip->version_ihl != 0x45 || ip->ttl <= 1)
		return 0;
	if (wanted)
		target = find_target(skb, own, lookup_endpoint4(ip->destination), made);
	if (target && config.features & PODLANE_KERNEL_CONNTRACK) {
		if (!may_redirect4(skb, ip, &made->flow))
			target = NULL;
		made->is_kept = made->flow.is_known;
	}
	keep_decision4(skb, ip, own, hook, made, target);
	if (!target)
		return 0;
	forward4(ip);
	redirect_to(ip, target, made->target);
	return 1;
}

static __always_inline int redirect6(struct __sk_buff *skb, __u32 own, __u32 hook, struct ipv6 *ip, __u32 wanted,
				     struct new_decision *made)
{
	struct podlane_slot *target = NULL;

	/* Next header 0 is hop-by-hop options, which every router reads. */
	if (!ip->next_header || ip->hop_limit <= 1 || is_link_scoped(ip->source))
		return 0;
	if (wanted)
		target = find_target(skb, own, lookup_endpoint6(ip->destination), made);
	if (target && config.features & PODLANE_KERNEL_CONNTRACK) {
		if (!may_redirect6(skb, ip, &made->flow))
			target = NULL;
		made->is_kept = made->flow.is_known;
	}
	keep_decision6(skb, ip, own, hook, made, target);
	if (!target)
		return 0;
	forward6(skb, ip);
	redirect_to(ip, target, made->target);
	return 1;
}

/*
 * Redirects a valid packet of slot `own` that goes to another pod of this node, where that is `wanted`. Returns that pod's
 * slot; negative, the packet unchanged, where it goes to the host stack. Not inlined, for the same reason as above.
 */
static __noinline int redirect(struct __sk_buff *skb, __u32 own, __u32 hook, __u32 wanted, __u32 slots_generation)
{
	struct frame *frame = PACKET_POINTER(skb, data);
	void *end = PACKET_POINTER(skb, data_end);
	struct new_decision made;
	int redirected = 0;

	/* A packet to another MAC address than the primary's is one that no router accepts. */
	if (skb->pkt_type != PACKET_HOST || skb->vlan_present || (void *)frame + ETH_HLEN + sizeof(struct ipv4) > end)
		return -1;
	__builtin_memset(&made, 0, sizeof(made));
	made.slots_generation = slots_generation;
	made.is_kept = 1;
	made.flow.generation = *flow_generation(0);
	wanted = wanted && can_tell_paths();
	if (frame->type == bpf_htons(ETH_P_IP))
		redirected = redirect4(skb, own, hook, (void *)frame + ETH_HLEN, wanted, &made);
	else if (frame->type == bpf_htons(ETH_P_IPV6) && (void *)frame + ETH_HLEN + sizeof(struct ipv6) <= end)
		redirected = redirect6(skb, own, hook, (void *)frame + ETH_HLEN, wanted, &made);
	return redirected ? (int)made.target : -1;
}

#endif
