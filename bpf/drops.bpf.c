// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's drops of pods, by pod and reason: tracepoint kfree_skb, which fires for the whole machine. What is
 * of no pod costs a few loads, and one hash lookup where it is not of the host's namespace.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "kfree-skb.h"
#include "kernel-types.h"
#include "slot-layout.h"

/* In .rodata, written by the loader; mirrored in server/bpf/kernel-drops.ts. */
volatile const struct {
	__u32 host_netns;    /*  0: inode of the agent's network namespace */
	__u32 max_slots;     /*  4 */
	__u32 receiver_told; /*  8: the tracepoint has a fourth argument, the receiving socket (Linux 6.11) */
} drop_config = {};

/* Pod numbers begin at 1: a slot of 0 is nobody's. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} pod_of_slot SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32); /* inode */
	__type(value, __u32);
} pod_of_netns SEC(".maps");

struct drop_key {
	__u32 pod;
	__u32 reason;
};

struct drop_count {
	__u64 packets;
	__u64 last; /* CLOCK_BOOTTIME, ns */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct drop_key);
	__type(value, struct drop_count);
} kernel_drops SEC(".maps");

/* Drops of pods for which kernel_drops had no room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost_drops SEC(".maps");

static __always_inline __u32 pod_in(__u32 netns)
{
	__u32 *pod = bpf_map_lookup_elem(&pod_of_netns, &netns);

	return pod ? *pod : 0;
}

static __always_inline __u32 pod_of_primary(int ifindex)
{
	__u32 slot = ((__u32)ifindex - PODLANE_IFINDEX_BASE) >> 1;

	if (slot >= drop_config.max_slots)
		return 0;
	__u32 *pod = bpf_map_lookup_elem(&pod_of_slot, &slot);
	return pod ? *pod : 0;
}

/*
 * The number of the pod that loses the packet, 0 for none. The index of a device says nothing without its
 * namespace: other namespaces have devices of the same index.
 *
 * skb->dev shares its place with UDP's scratch and the rbtree of TCP, which clears it too, before a socket drops;
 * then the socket tells. Such a value read as a pointer faults to 0 or finds no namespace that we know.
 */
static __always_inline __u32 pod_of(struct sk_buff *skb, struct sock *receiver)
{
	struct net_device *dev = skb->dev;
	struct sock *sk = skb->sk;
	__u32 pod;

	if (dev) {
		__u32 netns = dev->nd_net.net->ns.inum;
		if (netns == drop_config.host_netns)
			return pod_of_primary(dev->ifindex);
		pod = pod_in(netns);
		if (pod)
			return pod;
	}
	if (sk) {
		pod = pod_in(sk->__sk_common.skc_net.net->ns.inum);
		if (pod)
			return pod;
	}
	return receiver ? pod_in(receiver->__sk_common.skc_net.net->ns.inum) : 0;
}

static __always_inline void count(struct drop_key *key)
{
	struct drop_count first = { .packets = 1, .last = bpf_ktime_get_boot_ns() };
	struct drop_count *known = bpf_map_lookup_elem(&kernel_drops, key);

	/* NOEXIST: another CPU may just have made the entry, this one's value in it is then zero. */
	if (!known && bpf_map_update_elem(&kernel_drops, key, &first, BPF_NOEXIST)) {
		known = bpf_map_lookup_elem(&kernel_drops, key);
		if (!known) {
			__u32 zero = 0;
			__u64 *lost = bpf_map_lookup_elem(&lost_drops, &zero);
			if (lost)
				__sync_fetch_and_add(lost, 1);
		}
	}
	if (!known)
		return;
	/* Plain: a tracing program does not run within itself on one CPU. */
	known->packets++;
	known->last = first.last;
}

/* Arguments: skb, location, reason, and from 6.11 the receiving socket. */
SEC("tp_btf/kfree_skb") int count_drop(__u64 *ctx)
{
	struct drop_key key = { .reason = ctx[2] };

	key.pod = pod_of((struct sk_buff *)ctx[0], drop_config.receiver_told ? (struct sock *)ctx[3] : 0);
	if (key.pod && !taken_echo((struct sk_buff *)ctx[0], key.reason))
		count(&key);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
