/* SPDX-License-Identifier: GPL-2.0 */
/* Redirects packets to another pod of the node, past the host stack. */
#ifndef PODLANE_REDIRECT_H
#define PODLANE_REDIRECT_H

#include <linux/if_packet.h>
#include "flow-path.h"
#include "forward.h"
#include "redirect-cache.h"
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
							struct redirect_decision *decision)
{
	if (!endpoint || endpoint->slot == own)
		return NULL;
	decision->target = endpoint->slot;
	struct podlane_slot *target = bpf_map_lookup_elem(&slots, &decision->target);
	if (!target || !target->owner || target->owner != endpoint->owner)
		return NULL;
	/* Fails if the device no longer exists. */
	decision->mtu = 0;
	if (bpf_check_mtu(skb, PODLANE_IFINDEX_BASE + 2 * decision->target, &decision->mtu, 0, BPF_MTU_CHK_SEGS))
		return NULL;
	return target;
}

/*
 * Writes the MAC addresses and redirects; `ip` is the header after the Ethernet header. Writes in place are faster than
 * a helper call: the verifier makes the program unclone the packet's headers before from_pod runs, and nothing is
 * written before the redirect is certain.
 */
static __always_inline int redirect_to(void *ip, const struct podlane_slot *target, __u32 number)
{
	write_macs(ip - ETH_HLEN, target->macs.to_and_from, target->macs.from);
	return bpf_redirect(PODLANE_IFINDEX_BASE + 2 * number, 0);
}

static __always_inline int redirect4(struct __sk_buff *skb, __u32 own, __u32 hook, struct ipv4 *ip,
				     struct redirect_decision *decision)
{
	if (ip->version_ihl != 0x45 || ip->ttl <= 1)
		return VERDICT_NEXT;
	struct podlane_slot *target = find_target(skb, own, lookup_endpoint4(ip->destination), decision);
	if (!target || (config.features & PODLANE_KERNEL_CONNTRACK && !may_redirect4(skb, ip, &decision->flow)))
		return VERDICT_NEXT;
	keep_decision4(skb, ip, own, hook, decision, target);
	forward4(ip);
	return redirect_to(ip, target, decision->target);
}

static __always_inline int redirect6(struct __sk_buff *skb, __u32 own, __u32 hook, struct ipv6 *ip,
				     struct redirect_decision *decision)
{
	/* Next header 0 is hop-by-hop options, which every router reads. */
	if (!ip->next_header || ip->hop_limit <= 1 || is_link_scoped(ip->source))
		return VERDICT_NEXT;
	struct podlane_slot *target = find_target(skb, own, lookup_endpoint6(ip->destination), decision);
	if (!target || (config.features & PODLANE_KERNEL_CONNTRACK && !may_redirect6(skb, ip, &decision->flow)))
		return VERDICT_NEXT;
	keep_decision6(skb, ip, own, hook, decision, target);
	forward6(skb, ip);
	return redirect_to(ip, target, decision->target);
}

/*
 * Redirects a valid packet of slot `own` that goes to another pod of this node. Returns that pod's slot; negative, the
 * packet unchanged, where it goes to the host stack. Not inlined, for the same reason as above.
 */
static __noinline int redirect(struct __sk_buff *skb, __u32 own, __u32 hook, __u32 slots_generation)
{
	struct frame *frame = PACKET_POINTER(skb, data);
	void *end = PACKET_POINTER(skb, data_end);
	struct redirect_decision decision;
	int verdict = VERDICT_NEXT;

	/* A packet to another MAC address than the primary's is one that no router accepts. */
	if (!can_tell_paths() || skb->pkt_type != PACKET_HOST || skb->vlan_present ||
	    (void *)frame + ETH_HLEN + sizeof(struct ipv4) > end)
		return -1;
	__builtin_memset(&decision, 0, sizeof(decision));
	decision.slots_generation = slots_generation;
	if (frame->type == bpf_htons(ETH_P_IP))
		verdict = redirect4(skb, own, hook, (void *)frame + ETH_HLEN, &decision);
	else if (frame->type == bpf_htons(ETH_P_IPV6) && (void *)frame + ETH_HLEN + sizeof(struct ipv6) <= end)
		verdict = redirect6(skb, own, hook, (void *)frame + ETH_HLEN, &decision);
	return verdict == VERDICT_REDIRECT ? (int)decision.target : -1;
}

#endif
