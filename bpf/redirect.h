/* SPDX-License-Identifier: GPL-2.0 */
/* Redirects packets to another pod of the node, past the host stack. */
#ifndef PODLANE_REDIRECT_H
#define PODLANE_REDIRECT_H

#include <linux/if_packet.h>
#include "flow-path.h"
#include "validate.h"

/*
 * Returns 0 where the packet must go through the host stack. This and the next function are not inlined, so that their
 * variables are not on the stack of what else programs call.
 */
static __noinline int may_redirect4(struct __sk_buff *skb, const struct ipv4 *ip)
{
	struct flow flow;
	__u32 request = 0;

	return read_flow4(skb, ip, &flow, &request) && may_redirect(skb, &flow, request);
}

static __noinline int may_redirect6(struct __sk_buff *skb, const struct ipv6 *ip)
{
	struct flow flow;
	__u32 request = 0;

	return read_flow6(skb, ip, &flow, &request) && may_redirect(skb, &flow, request);
}

/*
 * Returns the slot that a packet of slot `own` to the address of `endpoint` can be redirected to, its number in
 * `number`; NULL where the packet belongs to the host stack. So does one that is too big for the target: the stack
 * answers it with an ICMP error.
 */
static __always_inline struct podlane_slot *find_target(struct __sk_buff *skb, __u32 own,
							const struct podlane_endpoint *endpoint, __u32 *number)
{
	__u32 mtu = 0;

	if (!endpoint || endpoint->slot == own)
		return NULL;
	*number = endpoint->slot;
	struct podlane_slot *target = bpf_map_lookup_elem(&slots, number);
	if (!target || !target->owner || target->owner != endpoint->owner)
		return NULL;
	/* Fails if the device no longer exists. */
	if (bpf_check_mtu(skb, PODLANE_IFINDEX_BASE + 2 * *number, &mtu, 0, BPF_MTU_CHK_SEGS))
		return NULL;
	return target;
}

/*
 * Writes the MAC addresses and redirects; `ip` is the header after the Ethernet header. Writes in place are faster than
 * a helper call: the verifier makes the program unclone the packet's headers before from_pod runs, and nothing is
 * written before the redirect is certain. The words are not aligned, which machines with a BPF JIT allow.
 */
static __always_inline int redirect_to(void *ip, const struct podlane_slot *target, __u32 number)
{
	struct frame *frame = ip - ETH_HLEN;

	*(__u64 *)frame->to = target->macs.to_and_from;
	*(__u32 *)(frame->from + 1) = target->macs.from;
	return bpf_redirect(PODLANE_IFINDEX_BASE + 2 * number, 0);
}

static __always_inline int redirect4(struct __sk_buff *skb, __u32 own, struct ipv4 *ip, __u32 *number)
{
	if (ip->version_ihl != 0x45 || ip->ttl <= 1)
		return VERDICT_NEXT;
	struct podlane_slot *target = find_target(skb, own, lookup_endpoint4(ip->destination), number);
	if (!target || (config.features & PODLANE_KERNEL_CONNTRACK && !may_redirect4(skb, ip)))
		return VERDICT_NEXT;
	ip->ttl--;
	/* RFC 1141, as ip_decrease_ttl(): the sum over the header stays the same, and with it a CHECKSUM_COMPLETE. */
	__u32 checksum = ip->checksum + bpf_htons(0x0100);
	ip->checksum = checksum + (checksum >= 0xffff);
	return redirect_to(ip, target, *number);
}

static __always_inline int redirect6(struct __sk_buff *skb, __u32 own, struct ipv6 *ip, __u32 *number)
{
	/* Next header 0 is hop-by-hop options, which every router reads. */
	if (!ip->next_header || ip->hop_limit <= 1 || is_link_scoped(ip->source))
		return VERDICT_NEXT;
	struct podlane_slot *target = find_target(skb, own, lookup_endpoint6(ip->destination), number);
	if (!target || (config.features & PODLANE_KERNEL_CONNTRACK && !may_redirect6(skb, ip)))
		return VERDICT_NEXT;
	ip->hop_limit--;
	/* Updates the skb's sum of the whole packet, where it has one: a 16-bit word has become one less. */
	bpf_csum_update(skb, bpf_htons(0xfffe));
	return redirect_to(ip, target, *number);
}

/*
 * Returns VERDICT_REDIRECT when the packet goes to another pod of this node, its slot in `number`; else VERDICT_NEXT,
 * the packet unchanged.
 */
static __always_inline int redirect(struct __sk_buff *skb, __u32 own, const struct headers *headers, __u32 *number)
{
	/* A packet to another MAC address than the primary's is one that no router accepts. */
	if (!can_tell_paths() || skb->pkt_type != PACKET_HOST)
		return VERDICT_NEXT;
	if (headers->ip4)
		return redirect4(skb, own, headers->ip4, number);
	if (headers->ip6)
		return redirect6(skb, own, headers->ip6, number);
	return VERDICT_NEXT;
}

#endif
