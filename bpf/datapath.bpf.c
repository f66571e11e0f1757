// SPDX-License-Identifier: GPL-2.0
/*
 * One source for every hook: from_pod runs at netkit/peer, or at tcx or clsact ingress of the primary, to_pod
 * at netkit/primary or egress of the primary. Each hook has its own program, so that run time is known by hook.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include "validate.h"
#include "acl.h"
#include "slot-maps.h"
#include "redirect.h"
#include "trace.h"

/* Those of from_pod are even. */
enum podlane_hook { NETKIT_PEER, NETKIT_PRIMARY, TCX_INGRESS, TCX_EGRESS, TC_INGRESS, TC_EGRESS };

#define JUDGED (PODLANE_RULES | PODLANE_TRY_OUT)

/* `denied`: a reason, and above it the rule, as of judge(). */
static __noinline int drop(struct __sk_buff *skb, __u32 hook, __u32 denied)
{
	__u32 number = slot_of(skb), index = counter_index(number), place = denied & (PODLANE_REASONS - 1);
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, &number);
	struct podlane_counters *count = bpf_map_lookup_elem(&counters, &index);
	struct podlane_drops *drop = bpf_map_lookup_elem(&drops, &index);

	if (!slot || !count || !drop)
		return VERDICT_DROP;
	if (hook & 1) {
		drop->in[place]++;
		count->dropped_packets_in++;
	} else {
		drop->out[place]++;
		count->dropped_packets_out++;
	}
	if (place != PODLANE_DENIED && place != PODLANE_FRAGMENT) /* of which judge() has told */
		tell_drop(skb, number, slot->owner, hook & 1 ? PODLANE_INGRESS : PODLANE_EGRESS, place);
	if (settings.flags & PODLANE_TRACE)
		trace(skb, number << 8 | hook, slot->owner, PODLANE_RAN_DROPPED | place << 8, denied >> 8);
	return VERDICT_DROP;
}

static __always_inline int passed(struct __sk_buff *skb, __u32 number, __u32 hook, const struct podlane_slot *slot)
{
	if (settings.flags & PODLANE_TRACE)
		trace(skb, number << 8 | hook, slot->owner, PODLANE_RAN_NEXT, 0);
	return VERDICT_NEXT;
}

/* A device that is not ours, or beyond what can be counted, passes. */
static __always_inline int from_pod(struct __sk_buff *skb, __u32 at_primary, __u32 hook)
{
	__u32 number = slot_of(skb), index = counter_index(number), target = 0;
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, &number);
	struct podlane_counters *count = bpf_map_lookup_elem(&counters, &index);
	struct headers headers;

	if (!slot || !count)
		return VERDICT_NEXT;
	__u32 flags = slot->flags;
	int reason = check(skb, slot, flags, &headers);
	__u32 counted = (flags & PODLANE_AT_PRIMARY) == at_primary;
	/* Where programs are on two families of hooks, both judge: whatever moves, nothing passes unjudged. */
	if (reason < 0 && settings.flags & JUDGED)
		reason = judge(skb, number, slot->owner, PODLANE_EGRESS | (counted ? JUDGE_COUNTED : 0));
	if (reason >= 0)
		return drop(skb, hook, reason);
	if (!counted)
		return passed(skb, number, hook, slot);
	__u32 bytes = skb->len - ETH_HLEN;
	count->packets_out++;
	count->bytes_out += bytes;
	if (!(flags & PODLANE_REDIRECT))
		return passed(skb, number, hook, slot);
	if (redirect(skb, number, &headers, &target) != VERDICT_REDIRECT)
		return passed(skb, number, hook, slot);
	count->redirected_packets_out++;
	count->redirected_bytes_out += bytes;
	if (settings.flags & PODLANE_TRACE)
		trace(skb, number << 8 | hook, slot->owner, PODLANE_RAN_REDIRECTED, target);
	return VERDICT_REDIRECT;
}

static __always_inline int to_pod(struct __sk_buff *skb, __u32 at_primary, __u32 hook)
{
	__u32 number = slot_of(skb), index = counter_index(number);
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, &number);
	struct podlane_counters *count = bpf_map_lookup_elem(&counters, &index);
	struct headers headers;

	if (!slot || !count)
		return VERDICT_NEXT;
	__u32 counted = (slot->flags & PODLANE_AT_PRIMARY) == at_primary;
	int reason = check(skb, slot, 0, &headers);
	if (reason < 0 && settings.flags & JUDGED)
		reason = judge(skb, number, slot->owner, PODLANE_INGRESS | (counted ? JUDGE_COUNTED : 0));
	if (reason >= 0)
		return drop(skb, hook, reason);
	if (counted) {
		count->packets_in++;
		count->bytes_in += skb->len - ETH_HLEN;
	}
	return passed(skb, number, hook, slot);
}

/* Names reach the user through bpf_prog_info: at most 15 characters. */
SEC("tc") int from_pod_netkit(struct __sk_buff *skb) { return from_pod(skb, 0, NETKIT_PEER); }
SEC("tc") int to_pod_netkit(struct __sk_buff *skb) { return to_pod(skb, 0, NETKIT_PRIMARY); }
SEC("tc") int from_pod_tcx(struct __sk_buff *skb) { return from_pod(skb, PODLANE_AT_PRIMARY, TCX_INGRESS); }
SEC("tc") int to_pod_tcx(struct __sk_buff *skb) { return to_pod(skb, PODLANE_AT_PRIMARY, TCX_EGRESS); }
SEC("tc") int from_pod_tc(struct __sk_buff *skb) { return from_pod(skb, PODLANE_AT_PRIMARY, TC_INGRESS); }
SEC("tc") int to_pod_tc(struct __sk_buff *skb) { return to_pod(skb, PODLANE_AT_PRIMARY, TC_EGRESS); }

char LICENSE[] SEC("license") = "GPL";
