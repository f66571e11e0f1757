/* SPDX-License-Identifier: GPL-2.0 */
/* Kernel types with the fields that are read here. At load, CO-RE relocates them to the kernel's offsets. */
#ifndef PODLANE_KERNEL_TYPES_H
#define PODLANE_KERNEL_TYPES_H

#include <linux/types.h>

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
	unsigned long _nfct; /* struct nf_conn * | enum ip_conntrack_info */
	unsigned char *head;
	int skb_iif;
	unsigned int len;
	__u8 redirected : 1; /* by a program, and not through the host stack since then */
	unsigned short protocol, transport_header, network_header;
};

union nf_inet_addr {
	__u32 all[4];
};

union nf_conntrack_man_proto {
	__be16 all;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
	struct {
		union nf_inet_addr u3;
		union {
			__be16 all;
		} u;
		__u8 protonum;
	} dst;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};

/* A connection of the kernel's conntrack: tuplehash[0] is the initiator's direction, [1] what answers look like. */
struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2];
	unsigned long status;
};

/* Numbers differ between kernels; CO-RE looks them up by name. */
enum skb_drop_reason {
	SKB_DROP_REASON_NO_SOCKET,
};

#pragma clang attribute pop

#endif
