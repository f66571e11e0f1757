// SPDX-License-Identifier: GPL-2.0
/*
 * Counts the packets of pods that others made, at the host end of their devices. They pass whatever happens: the
 * programs that run afterwards decide, as if this one were not there.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include "headers.h"

/* Mirrored in server/bpf/observe-program.ts. */
struct observed_counters {
	__u64 egress_packets, egress_bytes;
	__u64 ingress_packets, ingress_bytes;
};

/*
 * By ifindex of the host end. The agent adds an entry before it attaches a program, and memory is only taken for entries
 * that exist, for all CPUs of the machine each.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct observed_counters);
} observed SEC(".maps");

static __always_inline struct observed_counters *lookup_observed(const struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;

	return bpf_map_lookup_elem(&observed, &ifindex);
}

/* Directions as seen from the pod: at tcx or clsact ingress of its host end, or at netkit/peer. */
SEC("tc") int observe_egress(struct __sk_buff *skb)
{
	struct observed_counters *counters = lookup_observed(skb);

	if (counters) {
		counters->egress_packets++;
		counters->egress_bytes += skb->len - ETH_HLEN;
	}
	return VERDICT_NEXT;
}

/* At tcx or clsact egress of the host end. */
SEC("tc") int observe_ingress(struct __sk_buff *skb)
{
	struct observed_counters *counters = lookup_observed(skb);

	if (counters) {
		counters->ingress_packets++;
		counters->ingress_bytes += skb->len - ETH_HLEN;
	}
	return VERDICT_NEXT;
}

char LICENSE[] SEC("license") = "GPL";
