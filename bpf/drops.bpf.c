// SPDX-License-Identifier: GPL-2.0
/*
 * Counts the kernel's drops of pods' packets, by pod and reason, at tracepoint kfree_skb, which fires for the whole
 * machine. A packet of no pod costs a few loads, and one hash look-up where its device is in another namespace.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "kfree-skb.h"
#include "kernel-types.h"
#include "slot-layout.h"

/* In .rodata, written by the loader; mirrored in server/bpf/kernel-drop-program.ts. */
volatile const struct {
	__u32 host_netns;    /*  0: inode of the agent's network namespace */
	__u32 max_slots;     /*  4 */
	__u32 has_receiver; /*  8: the tracepoint has a fourth argument, the receiving socket (Linux 6.11) */
} drop_config = {};

/* Pod numbers by slot. Pod numbers start at 1, and 0 marks a free slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} pod_of_slot SEC(".maps");

/* Pod numbers by the ifindex of a primary that others made. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} pod_of_foreign_device SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32); /* inode of the namespace */
	__type(value, __u32);
} pod_of_netns SEC(".maps");

struct kernel_drop_key {
	__u32 pod;
	__u32 reason;
};

struct kernel_drop_count {
	__u64 packets;
	__u64 last; /* CLOCK_BOOTTIME, ns */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct kernel_drop_key);
	__type(value, struct kernel_drop_count);
} kernel_drops SEC(".maps");

/* Number of drops that were not counted because kernel_drops was full. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost_drops SEC(".maps");

static __always_inline __u32 pod_in_netns(__u32 netns)
{
	__u32 *pod = bpf_map_lookup_elem(&pod_of_netns, &netns);

	return pod ? *pod : 0;
}

static __always_inline __u32 pod_of_primary(int ifindex)
{
	__u32 index = ifindex, slot = (index - PODLANE_IFINDEX_BASE) >> 1;
	__u32 *pod;

	if (index < PODLANE_IFINDEX_BASE)
		pod = bpf_map_lookup_elem(&pod_of_foreign_device, &index);
	else
		pod = slot < drop_config.max_slots ? bpf_map_lookup_elem(&pod_of_slot, &slot) : NULL;
	return pod ? *pod : 0;
}

/*
 * Returns the number of the pod that loses the packet, 0 for none. An ifindex identifies a device only together with its
 * namespace: other namespaces have devices of the same index.
 *
 * skb->dev shares a union with UDP's scratch space and TCP's rbtree node, which overwrite it before a socket drops the
 * packet; the socket gives the namespace then. Such a value read as a pointer faults to 0 or finds no known namespace.
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
		pod = pod_in_netns(netns);
		if (pod)
			return pod;
	}
	if (sk) {
		pod = pod_in_netns(sk->__sk_common.skc_net.net->ns.inum);
		if (pod)
			return pod;
	}
	return receiver ? pod_in_netns(receiver->__sk_common.skc_net.net->ns.inum) : 0;
}

static __always_inline void count_kernel_drop(struct kernel_drop_key *key)
{
	struct kernel_drop_count first = { .packets = 1, .last = bpf_ktime_get_boot_ns() };
	struct kernel_drop_count *known = bpf_map_lookup_elem(&kernel_drops, key);

	/* NOEXIST, since another CPU may just have created the entry, in which this CPU's value is then zero. */
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
	/* Plain additions suffice, since a tracing program does not interrupt itself on a CPU. */
	known->packets++;
	known->last = first.last;
}

/* Arguments: skb, location, reason and, since Linux 6.11, the receiving socket. */
SEC("tp_btf/kfree_skb") int count_drop(__u64 *ctx)
{
	struct kernel_drop_key key = { .reason = ctx[2] };

	key.pod = pod_of((struct sk_buff *)ctx[0], drop_config.has_receiver ? (struct sock *)ctx[3] : 0);
	if (key.pod && !is_echo_reply((struct sk_buff *)ctx[0], key.reason))
		count_kernel_drop(&key);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
