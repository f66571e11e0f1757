/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keeps decisions to redirect TCP and UDP flows, by CPU. A packet of a kept flow needs no look-up of its source, its
 * target, the target's device and its path. Each decision is void as soon as the agent changes slots, endpoints or packet
 * checks, or the path of its flow becomes another: both advance a generation. The kernel announces neither another MTU nor
 * the end of a device to programs, so the device is looked at once in each tick, and all is decided anew after some ticks.
 *
 * Only the own CPU reads and writes an entry, and our hooks run with softirqs disabled, as for the counters.
 */
#ifndef PODLANE_REDIRECT_CACHE_H
#define PODLANE_REDIRECT_CACHE_H

#include <linux/if_packet.h>
#include "counters.h"
#include "flow-path.h"
#include "forward.h"
#include "rule-maps.h"

/* Not pinned: the programs of another build decide anew. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PODLANE_CACHED_REDIRECTS);
	__type(key, __u32);
	__type(value, struct podlane_cached_redirect);
} redirect_cache SEC(".maps");

#define TRANSPORT_BYTES 8 /* of the header, which has both ports */
#define TICKS_OF_A_DECISION 64
/* With any of these, each packet has to be evaluated or traced. */
#define SETTINGS_OF_SINGLE_PACKETS (PODLANE_ACTIVE_RULES | PODLANE_STAGED_RULES | PODLANE_TRACE)

static __always_inline __u64 cached_sender(__u32 slot, __u32 hook, __u32 family, __u32 protocol)
{
	return (__u64)slot << 16 | hook << 12 | family << 8 | protocol;
}

static __always_inline __u32 hash_addresses4(__u64 addresses, __u32 ports)
{
	return hash_word(addresses ^ (__u64)ports << 16, PODLANE_CACHED_REDIRECT_BITS);
}

static __always_inline __u32 hash_addresses6(const __u64 *addresses, __u32 ports)
{
	return hash_addresses4(addresses[0] ^ addresses[1] << 1 ^ addresses[2] << 2 ^ addresses[3] << 3, ports);
}

static __always_inline struct podlane_cached_redirect *cached_redirect(__u32 hash)
{
	return bpf_map_lookup_elem(&redirect_cache, &hash);
}

/* Looks at the target's device again. Returns 0 where it does not take the packet, or the decision is too old. */
static __noinline int check_device(struct __sk_buff *skb, struct podlane_cached_redirect *cached)
{
	__u32 tick = bpf_jiffies64(), mtu = 0;

	if (tick - cached->decided > TICKS_OF_A_DECISION ||
	    bpf_check_mtu(skb, cached->target, &mtu, 0, BPF_MTU_CHK_SEGS))
		return 0;
	cached->mtu = mtu;
	cached->checked = tick;
	return 1;
}

/* True if a decision for the packet's flow holds. */
static __always_inline int is_current(struct __sk_buff *skb, struct podlane_cached_redirect *cached)
{
	if (cached->flow_generation != *flow_generation(cached->flow) ||
	    cached->slots_generation != settings.slots_generation)
		return 0;
	return (cached->checked == (__u32)bpf_jiffies64() && skb->len <= cached->mtu) || check_device(skb, cached);
}

/* Counts the packet, writes its MAC addresses and redirects it. */
static __always_inline void use_cached_redirect(struct __sk_buff *skb, struct frame *frame,
						const struct podlane_cached_redirect *cached)
{
	struct podlane_counters *totals = bpf_map_lookup_elem(&counters, &cached->counters);

	if (totals) {
		count_egress(totals, skb->len - ETH_HLEN);
		count_redirected(totals, skb->len - ETH_HLEN);
	}
	write_macs(frame, cached->to_and_from, cached->from);
	bpf_redirect(cached->target, 0);
}

/* Has the compiler read a packet's bytes again rather than keep them on the stack. */
#define READ_AGAIN() asm volatile("" : : : "memory")

/* The packet has to be plain: lengths that agree, no options, no fragment. All others take the longer way. */
static __always_inline int redirect_from_cache4(struct __sk_buff *skb, struct frame *frame, __u32 slot, __u32 hook)
{
	struct ipv4 *ip = (void *)frame + ETH_HLEN;
	const void *addresses = &ip->source, *ports = ip + 1;

	if (!is_plain4(skb, ip) || ip->fragment & bpf_htons(0x3fff) || ip->ttl <= 1)
		return 0;
	struct podlane_cached_redirect *cached =
		cached_redirect(hash_addresses4(*(__u64 *)addresses, *(__u32 *)ports));
	READ_AGAIN();
	if (!cached || cached->address != *(__u64 *)addresses || cached->ports != *(__u32 *)ports ||
	    cached->sender != cached_sender(slot, hook, 4, ip->protocol) || !is_current(skb, cached))
		return 0;
	forward4(ip);
	use_cached_redirect(skb, frame, cached);
	return 1;
}

static __always_inline int redirect_from_cache6(struct __sk_buff *skb, struct frame *frame, __u32 slot, __u32 hook)
{
	struct ipv6 *ip = (void *)frame + ETH_HLEN;
	const __u64 *addresses = (void *)ip->source;
	const void *ports = ip + 1;

	if (!is_plain6(skb, ip) || ip->hop_limit <= 1)
		return 0;
	struct podlane_cached_redirect *cached = cached_redirect(hash_addresses6(addresses, *(__u32 *)ports));
	READ_AGAIN();
	if (!cached || cached->address != addresses[0] || cached->addresses[0] != addresses[1] ||
	    cached->addresses[1] != addresses[2] || cached->addresses[2] != addresses[3] ||
	    cached->ports != *(__u32 *)ports || cached->sender != cached_sender(slot, hook, 6, ip->next_header) ||
	    !is_current(skb, cached))
		return 0;
	forward6(skb, ip);
	use_cached_redirect(skb, frame, cached);
	return 1;
}

/* Redirects a packet of a kept flow. Returns 0, the packet unchanged and not counted, for any other. */
static __always_inline int redirect_from_cache(struct __sk_buff *skb, __u32 slot, __u32 hook)
{
	struct frame *frame = PACKET_POINTER(skb, data);
	void *end = PACKET_POINTER(skb, data_end);

	if ((void *)frame + ETH_HLEN + sizeof(struct ipv4) + TRANSPORT_BYTES > end || skb->pkt_type != PACKET_HOST ||
	    skb->vlan_present || settings.flags & SETTINGS_OF_SINGLE_PACKETS)
		return 0;
	if (frame->type == bpf_htons(ETH_P_IP))
		return redirect_from_cache4(skb, frame, slot, hook);
	return frame->type == bpf_htons(ETH_P_IPV6) &&
	       (void *)frame + ETH_HLEN + sizeof(struct ipv6) + TRANSPORT_BYTES <= end &&
	       redirect_from_cache6(skb, frame, slot, hook);
}

/* A decision to redirect a packet, with what it holds for. */
struct redirect_decision {
	__u32 target; /* slot */
	__u32 mtu;
	__u32 slots_generation; /* read first */
	struct flow_generation flow;
};

/*
 * Keeps a decision for the further packets of a flow. The first packet's is not kept: many flows have few packets. Nor is
 * any where nobody counts the changes of slots.
 */
static __always_inline void keep_decision(struct podlane_cached_redirect *cached, __u32 slot, __u64 sender,
					  __u32 ports, const struct redirect_decision *decision,
					  const struct podlane_slot *target)
{
	__u32 tick = bpf_jiffies64();

	cached->ports = ports;
	cached->slots_generation = decision->slots_generation;
	cached->flow = decision->flow.flow;
	cached->flow_generation = decision->flow.generation;
	cached->checked = cached->decided = tick;
	cached->mtu = decision->mtu;
	cached->target = PODLANE_IFINDEX_BASE + 2 * decision->target;
	cached->to_and_from = target->macs.to_and_from;
	cached->from = target->macs.from;
	cached->counters = counter_index(slot);
	cached->sender = sender;
}

static __always_inline int may_keep(const struct redirect_decision *decision, __u32 protocol)
{
	return decision->slots_generation && (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) &&
	       (decision->flow.is_known || !(config.features & PODLANE_KERNEL_CONNTRACK));
}

static __always_inline void keep_decision4(struct __sk_buff *skb, const struct ipv4 *ip, __u32 slot, __u32 hook,
					   const struct redirect_decision *decision,
					   const struct podlane_slot *target)
{
	if ((void *)(ip + 1) + TRANSPORT_BYTES > PACKET_POINTER(skb, data_end) || !may_keep(decision, ip->protocol))
		return;
	const void *addresses = &ip->source, *ports = ip + 1;
	struct podlane_cached_redirect *cached =
		cached_redirect(hash_addresses4(*(__u64 *)addresses, *(__u32 *)ports));
	if (!cached)
		return;
	cached->address = *(__u64 *)addresses;
	keep_decision(cached, slot, cached_sender(slot, hook, 4, ip->protocol), *(__u32 *)ports, decision, target);
}

static __always_inline void keep_decision6(struct __sk_buff *skb, const struct ipv6 *ip, __u32 slot, __u32 hook,
					   const struct redirect_decision *decision,
					   const struct podlane_slot *target)
{
	if ((void *)(ip + 1) + TRANSPORT_BYTES > PACKET_POINTER(skb, data_end) || !may_keep(decision, ip->next_header))
		return;
	const __u64 *addresses = (void *)ip->source;
	__u32 ports = *(__u32 *)(ip + 1);
	struct podlane_cached_redirect *cached = cached_redirect(hash_addresses6(addresses, ports));
	if (!cached)
		return;
	cached->address = addresses[0];
	__builtin_memcpy(cached->addresses, addresses + 1, sizeof(cached->addresses));
	keep_decision(cached, slot, cached_sender(slot, hook, 6, ip->next_header), ports, decision, target);
}

#endif
