// SPDX-License-Identifier: GPL-2.0
/*
 * The datapath's programs, one source for every hook: from_pod runs at netkit/peer, or at tcx or clsact ingress of the
 * primary, to_pod at netkit/primary or egress of the primary. Each hook has its own program, so that run time is known
 * by hook.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include "acl.h"
#include "counters.h"
#include "redirect.h"
#include "slot-maps.h"
#include "trace.h"
#include "validate.h"

/* Hooks of from_pod are even. */
enum podlane_hook { NETKIT_PEER, NETKIT_PRIMARY, TCX_INGRESS, TCX_EGRESS, TC_INGRESS, TC_EGRESS };

/* Packets are evaluated by rules, or recorded for those to come. */
#define EVALUATED (PODLANE_ACTIVE_RULES | PODLANE_STAGED_RULES | PODLANE_LEARNING)

/* Counts, reports and traces a drop. `denied` is drop reason | rule number << 8, as returned by evaluate(). */
static __noinline int drop(struct __sk_buff *skb, __u32 hook, __u32 denied)
{
	__u32 number = slot_of(skb), ingress = hook & 1, reason = denied & (PODLANE_DROP_REASONS - 1);
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, &number);

	if (!slot || !count_drop(number, ingress, reason))
		return VERDICT_DROP;
	if (reason != PODLANE_DENIED && reason != PODLANE_FRAGMENT) /* evaluate() has reported these */
		send_drop(skb, number, slot->owner, ingress ? PODLANE_INGRESS : PODLANE_EGRESS, reason);
	if (settings.flags & PODLANE_TRACE)
		trace(skb, number << 8 | hook, slot->owner, PODLANE_TRACED_DROP | reason << 8, denied >> 8);
	return VERDICT_DROP;
}

static __always_inline int pass(struct __sk_buff *skb, __u32 number, __u32 hook, const struct podlane_slot *slot)
{
	if (settings.flags & PODLANE_TRACE)
		trace(skb, number << 8 | hook, slot->owner, PODLANE_TRACED_NEXT, 0);
	return VERDICT_NEXT;
}

/*
 * True if the node itself sent a packet to a pod: it came out of the host stack without having entered it by a device.
 * At netkit/primary every packet has lost the device that it entered by; there the node's own still have their socket,
 * which forwarded ones never have. Neither a source address nor a mark tells: masquerading and the node's tools write
 * both. A redirected packet has its pod's socket too, so that nothing is taken for the node's there where the kernel
 * does not mark redirected packets.
 */
static __always_inline int is_from_node(struct __sk_buff *skb, __u32 hook)
{
	if (was_redirected(skb))
		return 0;
	if (hook == NETKIT_PRIMARY)
		return config.features & PODLANE_KERNEL_CONTEXT && skb->sk != NULL;
	return !skb->ingress_ifindex;
}

/*
 * True if the host stack may translate the destination of a packet of a pod before it forwards it. Other pods of the node
 * are reached by redirect, and what is sent to another MAC address than the primary's is not forwarded.
 */
static __always_inline int goes_through_nat(struct __sk_buff *skb, const struct headers *headers)
{
	if (!(settings.flags & PODLANE_AFTER_NAT) || skb->pkt_type != PACKET_HOST)
		return 0;
	if (headers->ip4)
		return !lookup_endpoint4(headers->ip4->destination);
	return headers->ip6 && !lookup_endpoint6(headers->ip6->destination);
}

/* Packets of a foreign device, or of a slot beyond max_slots, pass. */
static __always_inline int from_pod(struct __sk_buff *skb, __u32 counting, __u32 hook)
{
	int decided = use_decision(skb, slot_of(skb), hook);
	if (decided != UNDECIDED)
		return decided;
	__u32 number = slot_of(skb), slots_generation = settings.slots_generation;
	struct headers headers;
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, &number);
	struct podlane_counters *totals = lookup_counters(number);
	if (!slot || !totals)
		return VERDICT_NEXT;
	__u32 flags = slot->flags;
	int reason = validate(skb, slot, flags, &headers);
	__u32 counted = (flags & PODLANE_COUNTING_HOOKS) == counting;
	/* While programs are moved between hook families, both families enforce, so that no packet escapes the rules. */
	if (reason < 0 && settings.flags & EVALUATED)
		reason = evaluate(skb, number, slot->owner,
				  PODLANE_EGRESS | (counted ? EVALUATE_COUNTED : 0) |
					  (goes_through_nat(skb, &headers) ? EVALUATE_AFTER_NAT : 0));
	if (reason >= 0)
		return drop(skb, hook, reason);
	if (!counted)
		return pass(skb, number, hook, slot);
	__u32 bytes = skb->len - ETH_HLEN;
	count_egress(totals, bytes);
	int target = redirect(skb, number, hook, flags & PODLANE_REDIRECT, slots_generation);
	if (target < 0)
		return pass(skb, number, hook, slot);
	count_redirected(totals, bytes);
	if (settings.flags & PODLANE_TRACE)
		trace(skb, number << 8 | hook, slot->owner, PODLANE_TRACED_REDIRECT, target);
	return VERDICT_REDIRECT;
}

/* Passes a valid packet that is neither evaluated nor traced. */
static __always_inline int pass_plain_to_pod(struct __sk_buff *skb, __u32 counting, struct headers headers)
{
	__u32 number = slot_of(skb);
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, &number);
	struct podlane_counters *totals;

	if (!slot)
		return VERDICT_NEXT;
	if ((slot->flags & PODLANE_COUNTING_HOOKS) == counting) {
		totals = lookup_counters(number);
		if (totals)
			count_ingress(totals, skb->len - ETH_HLEN);
	}
	note_packet_to_pod(skb, &headers);
	return VERDICT_NEXT;
}

static __always_inline int to_pod(struct __sk_buff *skb, __u32 counting, __u32 hook)
{
	struct frame *frame = PACKET_POINTER(skb, data);
	void *end = PACKET_POINTER(skb, data_end);
	struct ipv4 *ip4 = (void *)frame + ETH_HLEN;
	struct ipv6 *ip6 = (void *)frame + ETH_HLEN;

	if ((void *)(ip4 + 1) <= end && !skb->vlan_present && !(settings.flags & SETTINGS_OF_SINGLE_PACKETS)) {
		if (frame->type == bpf_htons(ETH_P_IP) && is_plain4(skb, ip4))
			return pass_plain_to_pod(skb, counting, (struct headers){ .ip4 = ip4 });
		if (frame->type == bpf_htons(ETH_P_IPV6) && (void *)(ip6 + 1) <= end && is_plain6(skb, ip6))
			return pass_plain_to_pod(skb, counting, (struct headers){ .ip6 = ip6 });
	}
	__u32 number = slot_of(skb);
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, &number);
	struct podlane_counters *totals = lookup_counters(number);
	struct headers headers;

	if (!slot || !totals)
		return VERDICT_NEXT;
	__u32 counted = (slot->flags & PODLANE_COUNTING_HOOKS) == counting;
	int reason = validate(skb, slot, 0, &headers);
	if (reason < 0 && settings.flags & EVALUATED)
		reason = evaluate(skb, number, slot->owner,
				  PODLANE_INGRESS | (counted ? EVALUATE_COUNTED : 0) |
					  (is_from_node(skb, hook) ? EVALUATE_FROM_NODE : 0));
	if (reason >= 0)
		return drop(skb, hook, reason);
	if (counted)
		count_ingress(totals, skb->len - ETH_HLEN);
	note_packet_to_pod(skb, &headers);
	return pass(skb, number, hook, slot);
}

/* Names reach the user through bpf_prog_info: at most 15 characters. */
SEC("tc") int from_pod_netkit(struct __sk_buff *skb) { return from_pod(skb, 0, NETKIT_PEER); }
SEC("tc") int to_pod_netkit(struct __sk_buff *skb) { return to_pod(skb, 0, NETKIT_PRIMARY); }
SEC("tc") int from_pod_tcx(struct __sk_buff *skb) { return from_pod(skb, PODLANE_AT_PRIMARY, TCX_INGRESS); }
SEC("tc") int to_pod_tcx(struct __sk_buff *skb) { return to_pod(skb, PODLANE_AT_PRIMARY, TCX_EGRESS); }
SEC("tc") int from_pod_tc(struct __sk_buff *skb) { return from_pod(skb, PODLANE_COUNTING_HOOKS, TC_INGRESS); }
SEC("tc") int to_pod_tc(struct __sk_buff *skb) { return to_pod(skb, PODLANE_COUNTING_HOOKS, TC_EGRESS); }

char LICENSE[] SEC("license") = "GPL";
