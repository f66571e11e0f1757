/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Values of the maps of access rules, connections, verdict events and traces. server/bpf/rule-layout.ts and
 * packet-events.ts mirror sizes and offsets.
 *
 * A packet is evaluated in four look-ups: `ipcache` maps the peer's address to an identity, `pods` the pod and
 * direction to a policy and its default entries, `policies` policy and identity to entries of their own, and among
 * those protocol and port lead to one entry. Where there is none, the default entries decide.
 *
 * Values that a new rule set changes are double-buffered, tables A and B: packets are evaluated by table
 * `generation & 1`, which nobody writes; the other one is prepared, then one write switches the generation.
 */
#ifndef PODLANE_RULE_LAYOUT_H
#define PODLANE_RULE_LAYOUT_H

#include <linux/bpf.h>
#include <linux/types.h>

/* The staged rule set is evaluated beside the active one and not enforced. */
enum podlane_rule_set { PODLANE_ACTIVE = 0, PODLANE_STAGED = 1 };

/* A connection's state and protocol choose its timeout. */
enum podlane_conntrack_state {
	PODLANE_UNREPLIED = 0,
	PODLANE_REPLIED = 1,
	PODLANE_CLOSING = 2,
	PODLANE_ENDED = 3, /* no longer allowed: kept as long as a replied one, so that its packets stay without effect */
};
enum podlane_timeout_kind { PODLANE_TCP = 0, PODLANE_UDP = 1, PODLANE_ICMP = 2, PODLANE_OTHER = 3 };

#define PODLANE_ACTIVE_RULES 1 /* there is an active rule set */
#define PODLANE_STAGED_RULES 2 /* there is a staged rule set */
#define PODLANE_TRACE 4        /* there are trace filters */
#define PODLANE_AFTER_NAT 8    /* after_nat() evaluates what pods begin through the host stack, which has NAT rules */
#define PODLANE_LEARNING 16    /* there are no rules yet: everything passes, and is tracked for those to come */

/* Settings in memory that the agent maps. With all zero, nothing is evaluated or traced and no events are sent. */
struct podlane_settings {
	__u32 flags;                 /*   0 */
	__u32 generation[2];         /*   4: by rule set; never 0 while there is one */
	__u32 unknown_pod_denied[2]; /*  12: by rule set, for pods it does not know: bit of table * 2 + direction */
	__u32 timeouts[16];          /*  20: seconds, by enum podlane_timeout_kind * 4 + podlane_conntrack_state */
	__u32 quota;                 /*  84: connections of one pod; 0: no limit */
	__u64 verdict_interval;      /*  88: ns between two verdict events of one slot, on average; 0: none are sent */
	__u64 verdict_burst;         /*  96: ns that a slot may save up */
	__u64 lost_traces;           /* 104: trace events that found the ring buffer full */
	__u32 largest_pod;           /* 112: number of the pod with the most connections; 0: unknown */
	__u32 slots_generation;      /* 116: grows when slots, endpoints or packet checks change; 0: nobody counts */
};

enum podlane_direction { PODLANE_INGRESS = 0, PODLANE_EGRESS = 1 };

/* Keys of `ipcache`, an LPM trie of addresses of either family, IPv4 as ::ffff:a.b.c.d. */
struct podlane_ipcache_key {
	__u32 prefix_length;
	__u32 address[4];
};
struct podlane_ipcache_entry {
	__u32 identity[2]; /* by table; an address without a prefix has identity 0 */
};

#define PODLANE_UNKNOWN_POD 0xffffffff /* as `default_entries`: this table does not know the pod */
struct podlane_pod_policy {
	__u32 policy;
	__u32 default_entries; /* index of the first one; 0: all packets are allowed */
};
/* Values of `pods`, by pod number. */
struct podlane_pod_policies {
	struct podlane_pod_policy of[2][2]; /* 0: by table and direction */
	struct bpf_spin_lock lock;          /* 32: the agent updates in place: no program reads a reused element */
	__u32 zero;
};

/* Keys and values of `policies`: entries that a policy has for an identity. */
struct podlane_policy_key {
	__u32 policy;
	__u32 identity;
};
struct podlane_policy_entry {
	__u32 entries[2];          /* 0: by table, index of the first one; 0: none */
	struct bpf_spin_lock lock; /* 8 */
};

#define PODLANE_ALLOW 0
#define PODLANE_DENY 1
#define PODLANE_DEFAULT 2 /* the default entries decide */
/*
 * An element of `rule_entries`. Entries of one policy and identity are consecutive; they are written before any map
 * leads to them and never changed afterwards. They are sorted by protocol and port, equal ones by prefix length, so
 * that the last one at or before a packet's port is the longest prefix that contains it, or lies in that prefix.
 */
struct podlane_rule_entry {
	__u32 protocol_port;      /*  0: protocol << 16 | port, both 0 for any protocol */
	__u32 mask;               /*  4: bits of `protocol_port` that are compared */
	__u32 verdict_and_parent; /*  8: PODLANE_ALLOW, _DENY or _DEFAULT << 24 | offset of the enclosing entry */
	__u16 rule;               /* 12: number of the deciding rule; 0: the default action */
	__u16 log_rule;           /* 14: number of the rule that logs; 0: none */
	__u64 hits;               /* 16 */
};
/* Bits of the parent: all set, no entry encloses it. The first entry has the number of entries instead. */
#define PODLANE_PARENT_MASK 0xffffff

struct podlane_node_address {
	__u32 address[4];
};

/*
 * Keys of `conntrack`: the pod's number and all but the pod's own address. Ports in host order. For ICMP queries the
 * requesting end has the identifier as its port, the other end the query's type << 8.
 */
struct podlane_conntrack_key {
	__u32 owner;
	__u32 peer[4];
	__u16 pod_port, peer_port;
	__u32 protocol;
};

#define PODLANE_INITIATOR_POD 0
#define PODLANE_INITIATOR_PEER 1
#define PODLANE_INITIATOR_UNKNOWN 2 /* of a connection that was adopted: either end may be */

#define PODLANE_FIN_OF_POD 1    /* the pod has sent a FIN */
#define PODLANE_FIN_OF_PEER 2
#define PODLANE_PENDING 4       /* not evaluated yet: after_nat() does when the host stack has chosen the other end */
#define PODLANE_FROM_NODE 8     /* the initiator is the node itself, which may reach its pods */
#define PODLANE_UNKNOWN_PEER 16 /* the initiator is masqueraded, and nobody knows who it is */
#define PODLANE_LEARNED 32      /* seen before there were rules: `initiator` only is who was seen first */
struct podlane_conntrack_entry {
	__u32 generation;        /*  0: of the active rule set that allowed it; 0: there was none */
	__u32 staged_generation; /*  4 */
	__u32 expires;           /*  8: s, CLOCK_MONOTONIC */
	__u16 rule, staged_rule; /* 12, 14 */
	__u8 state;              /* 16: enum podlane_conntrack_state */
	__u8 initiator;          /* 17 */
	__u8 staged_denies;      /* 18 */
	__u8 flags;              /* 19 */
	__u32 ring;              /* 20: index of its element in `conntrack_ring` */
	__u32 real_peer[4];      /* 24: the other end that rules see: behind a service, or before masquerading */
	__u16 real_port;         /* 40: its port */
	__u16 zero;
};

/*
 * Connections of one pod, by its number. Its connections are in `conntrack_ring` at indexes from `tail` up to `head`,
 * in the order in which they were tracked or last spared.
 */
struct podlane_conntrack_pod {
	__u32 head, tail;      /*  0 */
	__u32 connections;     /*  8 */
	__u32 zero;
	__u64 evicted;         /* 16: to make room for others of the pod, or for other pods */
	__u64 evicted_replied; /* 24: part of these */
	__u64 untracked;       /* 32: passed without being tracked, since there was no room: answers do not pass */
};
struct podlane_conntrack_ring_key {
	__u32 owner;
	__u32 index;
};

/* Keys of `fragments`: packets of which a fragment was seen. */
struct podlane_fragment_key {
	__u32 owner;
	__u32 source[4], destination[4];
	__u32 id;
	__u32 protocol;
};

/* Values of `fragments`. */
enum podlane_fragment_state { PODLANE_FIRST_AWAITED = 0, PODLANE_FIRST_PASSED = 1, PODLANE_FIRST_DROPPED = 2 };
struct podlane_fragment_entry {
	__u32 expires; /* 0: s, as podlane_conntrack_entry.expires */
	__u16 state;   /* 4: enum podlane_fragment_state */
	__u16 passed;  /* 6: fragments that passed while the first one is awaited */
};

/* The last two kinds are for packets that the staged rule set would treat differently. */
enum podlane_verdict_kind {
	PODLANE_DROPPED = 0,
	PODLANE_LOGGED = 1,
	PODLANE_STAGED_DENY = 2,
	PODLANE_STAGED_ALLOW = 3,
};

/* Header fields of a packet; fields that cannot be read are zero. */
struct podlane_tuple {
	__u32 source[4], destination[4];     /*  0, 16 */
	__u16 source_port, destination_port; /* 32, 34 */
	__u8 protocol;                       /* 36 */
	__u8 icmp_type, icmp_code;           /* 37, 38 */
	__u8 tcp_flags;                      /* 39 */
};

/* Records of the ring buffer `verdicts`. */
struct podlane_verdict_event {
	__u64 time;       /*  0: CLOCK_MONOTONIC, ns */
	__u32 slot;       /*  8 */
	__u32 owner;      /* 12 */
	__u8 direction;   /* 16 */
	__u8 kind;        /* 17: enum podlane_verdict_kind */
	__u8 reason;      /* 18: enum podlane_drop_reason, for a drop */
	__u8 rule_set;    /* 19: enum podlane_rule_set, which `rule` belongs to */
	__u32 generation; /* 20: of that rule set */
	__u32 rule;       /* 24 */
	__u32 length;     /* 28: of the network packet */
	struct podlane_tuple tuple; /* 32 */
	__u32 ethertype;     /* 72: of the frame, or of its VLAN tag; the tuple is only of IPv4 and IPv6 */
	__u32 real_peer[4];  /* 76: the other end that rules see, where NAT hides it from the pod; 0: the tuple's */
	__u16 real_port;     /* 92 */
	__u16 zero;
};

/* Numbers of verdict events that were not sent, by slot and CPU like the counters. */
struct podlane_lost_verdicts {
	__u64 rate_limited; /* 0 */
	__u64 buffer_full;  /* 8 */
};

#define PODLANE_TRACES 4
#define PODLANE_HEADER_BYTES 96
/* Values of `trace_filters`. A field that is 0 matches any packet. */
struct podlane_trace_filter {
	__u32 id;         /*  0: 0: no filter */
	__u32 owner;      /*  4 */
	__u32 address[4]; /*  8: source or destination */
	__u16 port;       /* 24: source or destination, host order */
	__u8 protocol;    /* 26 */
	__u8 family;      /* 27: 4 or 6 */
};

enum podlane_trace_verdict { PODLANE_TRACED_NEXT = 0, PODLANE_TRACED_DROP = 1, PODLANE_TRACED_REDIRECT = 2 };
/* Records of the ring buffer `traces`: one run of one program. */
struct podlane_trace_event {
	__u64 time;   /*  0: CLOCK_MONOTONIC, ns */
	__u32 id;     /*  8: of the filter */
	__u32 slot;   /* 12 */
	__u32 owner;  /* 16 */
	__u32 target; /* 20: slot that it was redirected to */
	__u32 rule;   /* 24: number of the rule that denied it */
	__u32 length; /* 28: of the network packet */
	__u8 hook;    /* 32: enum podlane_hook */
	__u8 verdict; /* 33: enum podlane_trace_verdict */
	__u8 reason;  /* 34: enum podlane_drop_reason */
	__u8 header_bytes; /* 35: valid bytes of `header` */
	__u8 header[PODLANE_HEADER_BYTES]; /* 36 */
	__u32 zero;
};

#endif
