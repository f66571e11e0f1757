/* SPDX-License-Identifier: GPL-2.0 */
/* Kernel types with the fields that are read here. At load, CO-RE relocates them to the kernel's offsets. */
#ifndef PODLANE_KERNEL_TYPES_H
#define PODLANE_KERNEL_TYPES_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum; /* the inode of /proc/PID/ns/net */
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
};

struct sock_common {
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned char *head;
	unsigned short protocol, transport_header, network_header;
};

/* Numbers differ between kernels; CO-RE looks them up by name. */
enum skb_drop_reason {
	SKB_DROP_REASON_NO_SOCKET,
};

#pragma clang attribute pop

#endif
