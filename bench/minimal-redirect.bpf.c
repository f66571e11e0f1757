// SPDX-License-Identifier: GPL-2.0
/* Redirects every packet to one device: the least that a program of a netkit peer can do to bypass the host stack. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Interface index of the primary that packets are sent by; written before the load. */
const volatile __u32 target;

SEC("tc") int redirect(struct __sk_buff *skb)
{
	(void)skb;
	return bpf_redirect(target, 0);
}

char LICENSE[] SEC("license") = "GPL";
