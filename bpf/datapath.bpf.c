// SPDX-License-Identifier: GPL-2.0
/*
 * One source for every hook: from_pod runs at netkit/peer or tcx/ingress of the primary, to_pod at
 * netkit/primary or tcx/egress. Each hook has its own program, so that run time is known by hook.
 * A clsact filter (direct-action) understands the same verdicts.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "podlane.h"

/*
 * -1 is TCX_NEXT, NETKIT_NEXT and TC_ACT_UNSPEC: programs of others after ours still run. After the last
 * program NEXT lets the packet pass, on a netkit end with policy blackhole too: the policy counts only
 * where no program is attached.
 */
#define VERDICT_NEXT (-1)
#define VERDICT_DROP 2
#define ACCEPT (-1)

volatile const struct podlane_config config = { .max_slots = 2048 };

/* The loader sets max_entries: possible CPUs * max_slots for both arrays of counters, max_slots for slots. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct podlane_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct podlane_drops);
} drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct podlane_slot);
} slots SEC(".maps");

struct ipv4 {
	__u8 version_ihl, tos;
	__be16 total_length;
	__u32 id_fragment, ttl_protocol_checksum;
	__be32 source, destination;
};

struct ipv6 {
	__u32 version_class_label;
	__be16 payload_length;
	__u16 next_header_hop_limit;
	__u32 source[4], destination[4];
};

static __always_inline int check_source6(const struct podlane_slot *slot, const __u32 *source)
{
	if (slot->flags & PODLANE_HAS_ADDR6 && source[0] == slot->addr6[0] && source[1] == slot->addr6[1] &&
	    source[2] == slot->addr6[2] && source[3] == slot->addr6[3])
		return ACCEPT;
	/* Neighbour discovery: link-local and unspecified sources are never forwarded. */
	if ((source[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000))
		return ACCEPT;
	if (!(source[0] | source[1] | source[2] | source[3]))
		return ACCEPT;
	return PODLANE_SPOOFED_SOURCE;
}

static __always_inline int check4(struct __sk_buff *skb, __u32 length, const struct podlane_slot *slot)
{
	struct ipv4 ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return PODLANE_MALFORMED;
	__u32 header = (ip.version_ihl & 15) * 4;
	__u32 total = bpf_ntohs(ip.total_length);
	if (!total && skb->gso_size) /* BIG TCP: longer than the field can say */
		total = length;
	if (ip.version_ihl >> 4 != 4 || header < sizeof(ip) || total < header || total > length)
		return PODLANE_MALFORMED;
	if (slot && ip.source != slot->addr4)
		return PODLANE_SPOOFED_SOURCE;
	return ACCEPT;
}

static __always_inline int check6(struct __sk_buff *skb, __u32 length, const struct podlane_slot *slot)
{
	struct ipv6 ip;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return PODLANE_MALFORMED;
	if ((ip.version_class_label & bpf_htonl(0xf0000000)) != bpf_htonl(0x60000000) ||
	    bpf_ntohs(ip.payload_length) + sizeof(ip) > length)
		return PODLANE_MALFORMED;
	return slot ? check_source6(slot, ip.source) : ACCEPT;
}

/*
 * ACCEPT or the reason to drop. Reads the frame at its Ethernet header, as eth_type_trans() on the other
 * side will: at netkit/peer skb->protocol and the network header are what a packet socket in the pod chose.
 */
static __always_inline int check(struct __sk_buff *skb, const struct podlane_slot *slot)
{
	__be16 type;

	if (bpf_skb_load_bytes(skb, ETH_HLEN - sizeof(type), &type, sizeof(type)) < 0)
		return PODLANE_MALFORMED;
	if (skb->vlan_present)
		return PODLANE_UNKNOWN_PROTOCOL;
	if (type == bpf_htons(ETH_P_IP))
		return check4(skb, skb->len - ETH_HLEN, slot);
	if (type == bpf_htons(ETH_P_IPV6))
		return check6(skb, skb->len - ETH_HLEN, slot);
	return type == bpf_htons(ETH_P_ARP) ? ACCEPT : PODLANE_UNKNOWN_PROTOCOL;
}

/*
 * skb->ifindex is the primary's at tcx and at netkit/peer, the peer's at netkit/primary (a netkit program
 * sees the receiving end): halved, both are the slot.
 */
static __always_inline __u32 slot_of(const struct __sk_buff *skb)
{
	return (skb->ifindex - PODLANE_IFINDEX_BASE) >> 1;
}

static __always_inline __u32 counter_index(__u32 slot)
{
	return bpf_get_smp_processor_id() * config.max_slots + slot;
}

/* A device that is not ours, or beyond what can be counted, passes. */
static __always_inline int from_pod(struct __sk_buff *skb)
{
	__u32 number = slot_of(skb), index = counter_index(number);
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, &number);
	struct podlane_counters *count = bpf_map_lookup_elem(&counters, &index);

	if (!slot || !count)
		return VERDICT_NEXT;
	int reason = check(skb, slot->flags & PODLANE_CHECK_SOURCE ? slot : NULL);
	if (reason >= 0) {
		struct podlane_drops *drop = bpf_map_lookup_elem(&drops, &index);
		if (drop)
			drop->out[reason & (PODLANE_REASONS - 1)]++;
		count->dropped_packets_out++;
		return VERDICT_DROP;
	}
	count->packets_out++;
	count->bytes_out += skb->len - ETH_HLEN;
	return VERDICT_NEXT;
}

static __always_inline int to_pod(struct __sk_buff *skb)
{
	__u32 number = slot_of(skb), index = counter_index(number);
	struct podlane_counters *count = bpf_map_lookup_elem(&counters, &index);

	if (number >= config.max_slots || !count)
		return VERDICT_NEXT;
	int reason = check(skb, NULL);
	if (reason >= 0) {
		struct podlane_drops *drop = bpf_map_lookup_elem(&drops, &index);
		if (drop)
			drop->in[reason & (PODLANE_REASONS - 1)]++;
		count->dropped_packets_in++;
		return VERDICT_DROP;
	}
	count->packets_in++;
	count->bytes_in += skb->len - ETH_HLEN;
	return VERDICT_NEXT;
}

/* Names reach the user through bpf_prog_info: at most 15 characters. */
SEC("tc") int from_pod_netkit(struct __sk_buff *skb) { return from_pod(skb); }
SEC("tc") int to_pod_netkit(struct __sk_buff *skb) { return to_pod(skb); }
SEC("tc") int from_pod_tcx(struct __sk_buff *skb) { return from_pod(skb); }
SEC("tc") int to_pod_tcx(struct __sk_buff *skb) { return to_pod(skb); }

char LICENSE[] SEC("license") = "GPL";
