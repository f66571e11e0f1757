// SPDX-License-Identifier: GPL-2.0
/*
 * One source for every hook: from_pod runs at netkit/peer, or at tcx or clsact ingress of the primary, to_pod
 * at netkit/primary or egress of the primary. Each hook has its own program, so that run time is known by hook.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
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
#define VERDICT_REDIRECT 7
#define ACCEPT (-1)

volatile const struct podlane_config config = { .max_slots = 2048 };

/*
 * The loader sets max_entries: possible CPUs * max_slots for both arrays of counters, max_slots for slots,
 * 8 * max_slots for the endpoints of either family.
 */
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

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_address4);
	__type(value, struct podlane_endpoint);
} endpoints4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct podlane_address6);
	__type(value, struct podlane_endpoint);
} endpoints6 SEC(".maps");

struct ipv4 {
	__u8 version_ihl, tos;
	__be16 total_length;
	__be16 id, fragment;
	__u8 ttl, protocol;
	__be16 checksum;
	__be32 source, destination;
};

struct ipv6 {
	__u32 version_class_label;
	__be16 payload_length;
	__u8 next_header, hop_limit;
	__u32 source[4], destination[4];
};

struct frame {
	__be16 to[3], from[3];
	__be16 type;
};

/* Of an accepted frame that carries IP, one of both; NULL else. Linear with all of their size. */
struct headers {
	struct ipv4 *ip4;
	struct ipv6 *ip6;
};

/*
 * In assembler: a compiler that keeps these across a check extends them from 32 bits, no pointers to the verifier.
 * Nor does it know that a packet is not at NULL.
 */
#define PACKET_POINTER(skb, field) ({                                                                        \
	void *pointer;                                                                                       \
	asm volatile("%0 = *(u32 *)(%1 + %2)"                                                                \
		     : "=r"(pointer) : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, field)));          \
	__builtin_assume(pointer != NULL);                                                                   \
	pointer; })

/*
 * The frame with its first `size` bytes in linear memory, or NULL: it is shorter. Frames are read at their
 * Ethernet header, as eth_type_trans() on the other side will: at netkit/peer skb->protocol and the network
 * header are what a packet socket in the pod chose.
 */
static __always_inline void *linear(struct __sk_buff *skb, __u32 size)
{
	void *data = PACKET_POINTER(skb, data);

	if (data + size <= PACKET_POINTER(skb, data_end))
		return data;
	if (bpf_skb_pull_data(skb, size) < 0)
		return NULL;
	data = PACKET_POINTER(skb, data);
	if (data + size > PACKET_POINTER(skb, data_end))
		return NULL;
	return data;
}

static __always_inline struct podlane_endpoint *endpoint4(__be32 address)
{
	struct podlane_address4 key = { address, 0 };

	return bpf_map_lookup_elem(&endpoints4, &key);
}

static __always_inline struct podlane_endpoint *endpoint6(const __u32 *words)
{
	struct podlane_address6 key = { { words[0], words[1], words[2], words[3] } };

	return bpf_map_lookup_elem(&endpoints6, &key);
}

static __always_inline int owns(const struct podlane_slot *slot, const struct podlane_endpoint *endpoint)
{
	return endpoint && endpoint->owner && endpoint->owner == slot->owner;
}

static __always_inline int check_source4(const struct podlane_slot *slot, __u32 flags, __be32 source)
{
	if (source == slot->addr4 && flags & PODLANE_HAS_ADDR4)
		return ACCEPT;
	return owns(slot, endpoint4(source)) ? ACCEPT : PODLANE_SPOOFED_SOURCE;
}

/* Link-local or unspecified, as neighbour discovery uses it: no router forwards it (RFC 4291 2.5.2, 2.5.6). */
static __always_inline int stays_on_link(const __u32 *source)
{
	return (source[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000) ||
	       !(source[0] | source[1] | source[2] | source[3]);
}

static __always_inline int check_source6(const struct podlane_slot *slot, __u32 flags, const __u32 *source)
{
	if (flags & PODLANE_HAS_ADDR6 && source[0] == slot->addr6[0] && source[1] == slot->addr6[1] &&
	    source[2] == slot->addr6[2] && source[3] == slot->addr6[3])
		return ACCEPT;
	if (stays_on_link(source))
		return ACCEPT;
	return owns(slot, endpoint6(source)) ? ACCEPT : PODLANE_SPOOFED_SOURCE;
}

static __always_inline int check4(struct __sk_buff *skb, const struct ipv4 *ip, const struct podlane_slot *slot,
				  __u32 flags)
{
	__u32 length = skb->len - ETH_HLEN;
	__u32 total = bpf_ntohs(ip->total_length);

	if (!total && skb->gso_size) /* BIG TCP: longer than the field can say */
		total = length;
	/* Version 4 and a header of 5 to 15 words: 0x45 to 0x4f. */
	if ((__u8)(ip->version_ihl - 0x45) > 10 || total < (ip->version_ihl & 15) * 4u || total > length)
		return PODLANE_MALFORMED;
	return flags & PODLANE_CHECK_SOURCE ? check_source4(slot, flags, ip->source) : ACCEPT;
}

static __always_inline int check6(struct __sk_buff *skb, const struct ipv6 *ip, const struct podlane_slot *slot,
				  __u32 flags)
{
	if ((ip->version_class_label & bpf_htonl(0xf0000000)) != bpf_htonl(0x60000000) ||
	    bpf_ntohs(ip->payload_length) + sizeof(*ip) > skb->len - ETH_HLEN)
		return PODLANE_MALFORMED;
	return flags & PODLANE_CHECK_SOURCE ? check_source6(slot, flags, ip->source) : ACCEPT;
}

/* Of a frame that has no IPv4 header. */
static __always_inline int check_other(__be16 type)
{
	if (type == bpf_htons(ETH_P_IP) || type == bpf_htons(ETH_P_IPV6))
		return PODLANE_MALFORMED;
	return type == bpf_htons(ETH_P_ARP) ? ACCEPT : PODLANE_UNKNOWN_PROTOCOL;
}

/* ACCEPT or the reason to drop; by `flags` of the slot the source is checked. */
static __always_inline int check(struct __sk_buff *skb, const struct podlane_slot *slot, __u32 flags,
				 struct headers *headers)
{
	struct frame *frame = linear(skb, ETH_HLEN + sizeof(struct ipv4));

	headers->ip4 = NULL;
	headers->ip6 = NULL;
	if (!frame) {
		frame = linear(skb, ETH_HLEN);
		if (!frame)
			return PODLANE_MALFORMED;
		return skb->vlan_present ? PODLANE_UNKNOWN_PROTOCOL : check_other(frame->type);
	}
	if (skb->vlan_present)
		return PODLANE_UNKNOWN_PROTOCOL;
	if (frame->type == bpf_htons(ETH_P_IP)) {
		headers->ip4 = (void *)frame + ETH_HLEN;
		return check4(skb, headers->ip4, slot, flags);
	}
	if (frame->type == bpf_htons(ETH_P_IPV6)) {
		frame = linear(skb, ETH_HLEN + sizeof(struct ipv6));
		if (!frame)
			return PODLANE_MALFORMED;
		headers->ip6 = (void *)frame + ETH_HLEN;
		return check6(skb, headers->ip6, slot, flags);
	}
	return check_other(frame->type);
}

/*
 * skb->ifindex is the primary's at the primary's hooks and at netkit/peer, the peer's at netkit/primary (a
 * netkit program sees the receiving end): halved, both are the slot.
 */
static __always_inline __u32 slot_of(const struct __sk_buff *skb)
{
	return (skb->ifindex - PODLANE_IFINDEX_BASE) >> 1;
}

static __always_inline __u32 counter_index(__u32 slot)
{
	return bpf_get_smp_processor_id() * config.max_slots + slot;
}

/*
 * Where a packet of slot `own` to the address of `endpoint` can be sent at once: the target's slot, its number in
 * `number`; NULL: to the stack. A packet too big for the target is the stack's, which answers so.
 */
static __always_inline struct podlane_slot *target_of(struct __sk_buff *skb, __u32 own,
						      const struct podlane_endpoint *endpoint, __u32 *number)
{
	__u32 mtu = 0;

	if (!endpoint || endpoint->slot == own)
		return NULL;
	*number = endpoint->slot;
	struct podlane_slot *target = bpf_map_lookup_elem(&slots, number);
	if (!target || !target->owner || target->owner != endpoint->owner)
		return NULL;
	/* Answers an error when the device is gone. */
	if (bpf_check_mtu(skb, PODLANE_IFINDEX_BASE + 2 * *number, &mtu, 0, BPF_MTU_CHK_SEGS))
		return NULL;
	return target;
}

/*
 * `ip`: the header behind the frame's. Written in place, which a call would take longer for; the verifier has a
 * packet's headers made its own before from_pod runs, and nothing is written before it is certain to be sent on.
 * Words that are not aligned: machines that BPF is fast on have those.
 */
static __always_inline int send_on(void *ip, const struct podlane_slot *target, __u32 number)
{
	struct frame *frame = ip - ETH_HLEN;

	*(__u64 *)frame->to = target->macs.to_and_from;
	*(__u32 *)(frame->from + 1) = target->macs.from;
	return bpf_redirect(PODLANE_IFINDEX_BASE + 2 * number, 0);
}

static __always_inline int redirect4(struct __sk_buff *skb, __u32 own, struct ipv4 *ip)
{
	__u32 number;

	if (ip->version_ihl != 0x45 || ip->ttl <= 1)
		return VERDICT_NEXT;
	struct podlane_slot *target = target_of(skb, own, endpoint4(ip->destination), &number);
	if (!target)
		return VERDICT_NEXT;
	ip->ttl--;
	/* RFC 1141, as ip_decrease_ttl(): the header's sum stays what it was, and with it a CHECKSUM_COMPLETE. */
	__u32 checksum = ip->checksum + bpf_htons(0x0100);
	ip->checksum = checksum + (checksum >= 0xffff);
	return send_on(ip, target, number);
}

static __always_inline int redirect6(struct __sk_buff *skb, __u32 own, struct ipv6 *ip)
{
	__u32 number;

	/* Next header 0 is hop-by-hop options, which every router reads. */
	if (!ip->next_header || ip->hop_limit <= 1 || stays_on_link(ip->source))
		return VERDICT_NEXT;
	struct podlane_slot *target = target_of(skb, own, endpoint6(ip->destination), &number);
	if (!target)
		return VERDICT_NEXT;
	ip->hop_limit--;
	/* A sum of the whole packet, where the skb carries one: a 16-bit word has become one less. */
	bpf_csum_update(skb, bpf_htons(0xfffe));
	return send_on(ip, target, number);
}

/* VERDICT_REDIRECT when the packet goes to another pod of this node, else VERDICT_NEXT, the packet as it was. */
static __always_inline int redirect(struct __sk_buff *skb, __u32 own, const struct headers *headers)
{
	if (skb->pkt_type != PACKET_HOST) /* to a MAC address that is not the primary's: no router takes it */
		return VERDICT_NEXT;
	if (headers->ip4)
		return redirect4(skb, own, headers->ip4);
	if (headers->ip6)
		return redirect6(skb, own, headers->ip6);
	return VERDICT_NEXT;
}

/* A device that is not ours, or beyond what can be counted, passes. */
static __always_inline int from_pod(struct __sk_buff *skb, __u32 at_primary)
{
	__u32 number = slot_of(skb), index = counter_index(number);
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, &number);
	struct podlane_counters *count = bpf_map_lookup_elem(&counters, &index);
	struct headers headers;

	if (!slot || !count)
		return VERDICT_NEXT;
	__u32 flags = slot->flags;
	int reason = check(skb, slot, flags, &headers);
	if (reason >= 0) {
		struct podlane_drops *drop = bpf_map_lookup_elem(&drops, &index);
		if (drop)
			drop->out[reason & (PODLANE_REASONS - 1)]++;
		count->dropped_packets_out++;
		return VERDICT_DROP;
	}
	if ((flags & PODLANE_AT_PRIMARY) != at_primary)
		return VERDICT_NEXT;
	__u32 bytes = skb->len - ETH_HLEN;
	count->packets_out++;
	count->bytes_out += bytes;
	if (!(flags & PODLANE_REDIRECT))
		return VERDICT_NEXT;
	int verdict = redirect(skb, number, &headers);
	if (verdict == VERDICT_REDIRECT) {
		count->redirected_packets_out++;
		count->redirected_bytes_out += bytes;
	}
	return verdict;
}

static __always_inline int to_pod(struct __sk_buff *skb, __u32 at_primary)
{
	__u32 number = slot_of(skb), index = counter_index(number);
	struct podlane_slot *slot = bpf_map_lookup_elem(&slots, &number);
	struct podlane_counters *count = bpf_map_lookup_elem(&counters, &index);
	struct headers headers;

	if (!slot || !count)
		return VERDICT_NEXT;
	int reason = check(skb, slot, 0, &headers);
	if (reason >= 0) {
		struct podlane_drops *drop = bpf_map_lookup_elem(&drops, &index);
		if (drop)
			drop->in[reason & (PODLANE_REASONS - 1)]++;
		count->dropped_packets_in++;
		return VERDICT_DROP;
	}
	if ((slot->flags & PODLANE_AT_PRIMARY) != at_primary)
		return VERDICT_NEXT;
	count->packets_in++;
	count->bytes_in += skb->len - ETH_HLEN;
	return VERDICT_NEXT;
}

/* Names reach the user through bpf_prog_info: at most 15 characters. */
SEC("tc") int from_pod_netkit(struct __sk_buff *skb) { return from_pod(skb, 0); }
SEC("tc") int to_pod_netkit(struct __sk_buff *skb) { return to_pod(skb, 0); }
SEC("tc") int from_pod_tcx(struct __sk_buff *skb) { return from_pod(skb, PODLANE_AT_PRIMARY); }
SEC("tc") int to_pod_tcx(struct __sk_buff *skb) { return to_pod(skb, PODLANE_AT_PRIMARY); }
SEC("tc") int from_pod_tc(struct __sk_buff *skb) { return from_pod(skb, PODLANE_AT_PRIMARY); }
SEC("tc") int to_pod_tc(struct __sk_buff *skb) { return to_pod(skb, PODLANE_AT_PRIMARY); }

char LICENSE[] SEC("license") = "GPL";
