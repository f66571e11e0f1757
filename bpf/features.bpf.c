// SPDX-License-Identifier: GPL-2.0
/* One program for each feature of the kernel that the datapath's programs use where it exists. They load where it does. */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "kernel-types.h"

struct ct_options {
	__s32 netns_id, error;
	__u8 l4proto, dir, reserved[2];
};

/* Weak: libbpf looks for the strong functions of an object even where the program that calls them is not loaded. */
#define WEAK_KERNEL_FUNCTION __ksym __attribute__((weak))
struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, __u32 tuple_size,
				  struct ct_options *options, __u32 options_size) WEAK_KERNEL_FUNCTION;
void bpf_ct_release(struct nf_conn *connection) WEAK_KERNEL_FUNCTION;
void *bpf_cast_to_kern_ctx(void *context) WEAK_KERNEL_FUNCTION;

SEC("tc") int conntrack(struct __sk_buff *skb)
{
	struct ct_options options = { .netns_id = -1, .l4proto = 6 };
	struct bpf_sock_tuple tuple = {};
	struct nf_conn *connection = bpf_skb_ct_lookup(skb, &tuple, sizeof(tuple.ipv4), &options, sizeof(options));
	int status = 0;

	if (connection) {
		status = connection->status;
		bpf_ct_release(connection);
	}
	return status;
}

SEC("tc") int kernel_context(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);

	return BPF_CORE_READ_BITFIELD(kernel, redirected);
}

char LICENSE[] SEC("license") = "GPL";
