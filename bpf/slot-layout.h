/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values of the device maps: counters, drops, slots and endpoints. server/bpf/datapath-structs.ts mirrors sizes and
 * offsets.
 */
#ifndef PODLANE_SLOT_LAYOUT_H
#define PODLANE_SLOT_LAYOUT_H

#include <linux/types.h>

/*
 * The ifindex gives the slot: the primary has BASE + 2 * slot, the peer one more. Devices that others made have lower
 * indexes; `foreign_devices` has the slots of those that pods were adopted with.
 */
#define PODLANE_IFINDEX_BASE 1048576

/* In the order of dropReasons in contract/counter-table.ts; append only, at most PODLANE_DROP_REASONS. */
enum podlane_drop_reason {
	PODLANE_MALFORMED = 0,        /* IP header missing, or version, header length and length disagree */
	PODLANE_UNKNOWN_PROTOCOL = 1, /* neither IPv4, IPv6 nor ARP, or VLAN-tagged, and not among the pod's ethertypes */
	PODLANE_SPOOFED_SOURCE = 2,   /* leaves the pod with a source that is not the pod's */
	PODLANE_DENIED = 3,           /* by an access rule, or by the rule set's default action */
	PODLANE_FRAGMENT = 4,         /* a later fragment of a packet whose first fragment has not passed */
};
#define PODLANE_DROP_REASONS 8

/*
 * Counters of one slot on one CPU, index cpu * max_slots + slot of an mmapable array: one cache line, all that
 * a sweep of all devices reads. Egress leaves the pod. Bytes are of network packets: without the 14 bytes of
 * Ethernet header, which netkit L3 carries too. A GSO packet counts as one packet.
 *
 * Plain additions: only the own CPU writes a line, and our hooks run with softirqs disabled, so that
 * neither another CPU nor a softirq on this one gets between load and store.
 */
struct podlane_counters {
	__u64 egress_packets;             /*  0: accepted */
	__u64 egress_bytes;               /*  8 */
	__u64 ingress_packets;            /* 16 */
	__u64 ingress_bytes;              /* 24 */
	__u64 egress_redirected_packets;  /* 32: part of egress_packets */
	__u64 egress_redirected_bytes;    /* 40 */
	__u64 egress_dropped_packets;     /* 48: by our programs, for any reason */
	__u64 ingress_dropped_packets;    /* 56 */
} __attribute__((aligned(64)));

/* The same index of a second array: packets that our programs dropped, by enum podlane_drop_reason. */
struct podlane_drops {
	__u64 egress[PODLANE_DROP_REASONS];  /*  0 */
	__u64 ingress[PODLANE_DROP_REASONS]; /* 64 */
} __attribute__((aligned(64)));

/*
 * Configuration of a slot's programs, 48 bytes, addresses in network order. All zero: sources are not checked,
 * nothing is redirected, and packets count on the netkit hooks.
 */
#define PODLANE_CHECK_SOURCE 1 /* drop packets from the pod with a source that is not the pod's */
#define PODLANE_HAS_ADDR4 2
#define PODLANE_HAS_ADDR6 4
#define PODLANE_AT_PRIMARY 8 /* count and redirect at the primary's tcx or tc hooks, not at the netkit hooks */
#define PODLANE_AT_FILTERS 128 /* with PODLANE_AT_PRIMARY: at its tc hooks, not at its tcx hooks */
#define PODLANE_COUNTING_HOOKS (PODLANE_AT_PRIMARY | PODLANE_AT_FILTERS)
#define PODLANE_REDIRECT 16  /* packets for another pod of the node are redirected past the host stack */
#define PODLANE_SOURCE_PREFIXES 32 /* `source_prefixes` has further sources that the pod may send from */
#define PODLANE_ETHERTYPES 64      /* `ethertypes` has frames other than IP that the pod may send and receive */
#define PODLANE_HOST_ROUTED 256    /* what others send to the pod goes through the host stack, whoever sends it */
#define PODLANE_ANY_ETHERTYPE 512  /* the pod may send and receive frames of every ethertype */
/* MAC addresses of frames to the pod: destination (the peer's) and source (the primary's); zero on netkit L3. */
struct podlane_macs {
	__u64 to_and_from; /* 0: six bytes of the destination, two of the source */
	__u32 from;        /* 8: the other four bytes of the source */
};
struct podlane_slot {
	__u32 flags;      /*  0 */
	__u32 owner;      /*  4: number of the pod, the same on both devices of a migration; 0: the slot is free */
	__be32 addr4;     /*  8: the first address of each family; further ones are in the endpoints alone */
	__u32 addr6[4];   /* 12 */
	__u32 ifindex;    /* 28: of the primary of a device that others made; 0: it follows from the slot */
	struct podlane_macs macs; /* 32 */
};

/*
 * Keys of `endpoints4` and `endpoints6`, hashes of all addresses of the node's pods. An IPv4 key has 8 bytes because
 * the kernel compares keys by words of 8 bytes and a remainder byte by byte: a shorter key takes longer.
 */
struct podlane_address4 {
	__be32 address;
	__u32 zero;
};
struct podlane_address6 {
	__u32 word[4];
};
struct podlane_endpoint {
	__u32 slot;  /* 0: the device that receives packets to the address */
	__u32 owner; /* 4: number of the pod, as in the slots */
};

/* Keys of `source_prefixes`, an LPM trie of addresses of either family, IPv4 as ::ffff:a.b.c.d. */
struct podlane_source_prefix {
	__u32 prefix_length; /*  0: in bits, of owner and address */
	__u32 owner;         /*  4 */
	__u32 address[4];    /*  8 */
};

/* Keys of `ethertypes`. A frame of IEEE 802.3 with a length in place of the type has PODLANE_LLC. */
#define PODLANE_LLC 4
struct podlane_ethertype {
	__u32 owner; /* 0 */
	__u32 type;  /* 4 */
};

/*
 * Keys of `flow_paths`: both directions of a flow between two pods of the node have the same key. `low` is the lower of
 * the two addresses as the programs compare them; an IPv4 address is the first word.
 */
struct podlane_flow_key {
	__u32 low[4], high[4];       /* 0, 16 */
	__be16 low_port, high_port;  /* 32, 34: an ICMP echo's identifier in both */
	__u32 family_protocol;       /* 36: family << 8 | protocol */
};
/*
 * Values of `flow_paths`: how the packets of a flow reach the other pod. UNKNOWN is of a flow that came out of the stack
 * once: conntrack is asked anew.
 */
enum podlane_path { PODLANE_PATH_REDIRECT = 1, PODLANE_PATH_STACK = 2, PODLANE_PATH_UNKNOWN = 3 };

/*
 * Values of `decisions`: where a slot's program at one hook sends the packets of one flow. A packet of IPv4 reads the
 * first 64 bytes.
 */
#define PODLANE_DECISION_BITS 9
#define PODLANE_DECISIONS (1 << PODLANE_DECISION_BITS)
struct podlane_decision {
	__u64 address;          /*  0: both addresses of IPv4; of IPv6 the first 8 of 32 bytes, and `addresses` */
	__u64 sender;           /*  8: slot << 16 | hook << 12 | family << 8 | protocol */
	__u32 ports;            /* 16 */
	__u32 slots_generation; /* 20: of the settings, when the decision was made */
	__u32 flow;             /* 24: index of the flow in `flow_generations` */
	__u32 flow_generation;  /* 28 */
	__u32 checked;          /* 32: tick in which the target's device was looked at */
	__u32 decided;          /* 36: tick */
	__u32 mtu;              /* 40: of the target's device */
	__u32 target;           /* 44: interface index of the target's primary; 0: the packets go to the host stack */
	__u64 to_and_from;      /* 48: MAC addresses, as in struct podlane_macs */
	__u32 from;             /* 56 */
	__u32 counters;         /* 60: index of the slot and CPU in `counters` */
	__u64 addresses[3];     /* 64 */
};

/* Elements of `flow_generations`, which grow when the path of a flow becomes another than to redirect it. */
#define PODLANE_FLOW_GENERATION_BITS 12
#define PODLANE_FLOW_GENERATIONS (1 << PODLANE_FLOW_GENERATION_BITS)

/* Constants in .rodata, which the agent writes before the load. */
#define PODLANE_KERNEL_CONNTRACK 1 /* the kernel has conntrack, and programs can look connections up in it */
#define PODLANE_KERNEL_CONTEXT 2   /* programs can read the kernel's struct sk_buff */
struct podlane_config {
	__u32 max_slots;  /*  0 */
	__u8 build[32];   /*  4: SHA-256 of the object file; tells a later agent what runs here */
	__u32 features;   /* 36: a program without a feature is loaded without the code that needs it */
};

#endif
