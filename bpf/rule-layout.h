/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access rules as the programs and the agent share them; mirrored in server/bpf/rule-layout.ts.
 *
 * A peer's address leads to an identity, the pod to a policy and its base row, policy and identity to a row of their
 * own, protocol and port to an entry of that row, else of the base row. Values that a new rule set changes have two
 * halves: packets are judged by half `generation & 1`, which nobody writes; the other is made ready, then the
 * generation is switched by one write.
 */
#ifndef PODLANE_RULES_H
#define PODLANE_RULES_H

#include <linux/bpf.h>
#include <linux/types.h>

enum podlane_set { PODLANE_ACTIVE = 0, PODLANE_DRAFT = 1 };

/* What a connection is forgotten by, when nothing more comes. */
enum podlane_state { PODLANE_UNREPLIED = 0, PODLANE_REPLIED = 1, PODLANE_CLOSING = 2 };
enum podlane_timeouts { PODLANE_TCP = 0, PODLANE_UDP = 1, PODLANE_ICMP = 2, PODLANE_OTHER = 3 };

#define PODLANE_RULES 1   /* there is an active set */
#define PODLANE_TRY_OUT 2 /* there is a draft */
#define PODLANE_TRACE 4   /* there are trace filters */

/* In memory that the agent maps. All zero: nothing is judged or traced, nothing is told of drops. */
struct podlane_settings {
	__u32 flags;              /*   0 */
	__u32 generation[2];      /*   4: by set; never 0 where the set is */
	__u32 unknown_denied[2];  /*  12: by set, pods that it does not know: bit of half * 2 + direction */
	__u32 timeouts[16];       /*  20: seconds, by enum podlane_timeouts * 4 + podlane_state */
	__u32 zero;               /*  84 */
	__u64 verdict_interval;   /*  88: ns between two verdicts of one slot, in the long run; 0: none are sent */
	__u64 verdict_burst;      /*  96: ns that may be saved up */
	__u64 lost_traces;        /* 104: found the ring buffer full */
};

#define PODLANE_INGRESS 0
#define PODLANE_EGRESS 1

/* Key of the tries of prefixes: an address of either family, IPv4 as ::ffff:a.b.c.d. */
struct podlane_prefix {
	__u32 length;
	__u32 address[4];
};
struct podlane_identity {
	__u32 identity[2]; /* by half; no prefix is 0 */
};

#define PODLANE_UNKNOWN_POD 0xffffffff /* as `row`: the tables of this half have no such pod */
struct podlane_direction {
	__u32 policy;
	__u32 row; /* the base row; 0: everything passes */
};
/* By the number of the pod. */
struct podlane_policy {
	struct podlane_direction of[2][2]; /* 0: by half and direction */
	struct bpf_spin_lock lock;         /* 32: the agent writes in place: no program meets an element used again */
	__u32 zero;
};

struct podlane_assignment {
	__u32 policy;
	__u32 identity;
};
struct podlane_assigned {
	__u32 row[2];              /* 0: by half; 0: none */
	struct bpf_spin_lock lock; /* 8 */
};

#define PODLANE_ALLOW 0
#define PODLANE_DENY 1
#define PODLANE_PASS 2 /* the base row is asked */
/*
 * An entry of a row, which is the index of its first one. Rows are written before anything leads to them, and never
 * changed after. Entries are in the order of `place`, of equal ones the shorter prefix first, so that the last one at
 * or before a packet's place is the longest that holds for it, or lies in that.
 */
struct podlane_entry {
	__u32 place;  /*  0: protocol << 16 | port, both 0 for any */
	__u32 mask;   /*  4: bits of `place` that count */
	__u32 said;   /*  8: PODLANE_ALLOW and so on << 24 | the entry around it, counted from the row's first */
	__u16 rule;   /* 12: the number of the one that decided; 0: the default did */
	__u16 log;    /* 14: of the one that logs; 0: none */
	__u64 hits;   /* 16 */
};
#define PODLANE_LOWER 0xffffff

struct podlane_node_address {
	__u32 address[4];
};

/*
 * A connection, by the pod's number and all but the pod's own address. Ports in host order. Of ICMP queries the asking
 * end has the identifier for a port, the other one the query's type << 8.
 */
struct podlane_connection_key {
	__u32 owner;
	__u32 peer[4];
	__u16 pod_port, peer_port;
	__u32 protocol;
};

#define PODLANE_BEGUN_BY_POD 0
#define PODLANE_BEGUN_BY_PEER 1
struct podlane_connection {
	__u32 generation;       /*  0: of the active set that let it pass; 0: there was none */
	__u32 draft_generation; /*  4 */
	__u32 expires;          /*  8: s, CLOCK_MONOTONIC */
	__u16 rule, draft_rule; /* 12, 14 */
	__u8 state;             /* 16: enum podlane_state */
	__u8 begun_by;          /* 17 */
	__u8 draft_denies;      /* 18 */
	__u8 zero;
};

/* A packet whose first fragment has passed. */
struct podlane_fragments {
	__u32 owner;
	__u32 source[4], destination[4];
	__u32 id;
	__u32 protocol;
};

enum podlane_told { PODLANE_DROPPED = 0, PODLANE_LOGGED = 1, PODLANE_WOULD_DROP = 2, PODLANE_WOULD_PASS = 3 };

/* Of a packet as far as its headers can be read; the rest is zero. */
struct podlane_tuple {
	__u32 source[4], destination[4]; /*  0, 16 */
	__u16 source_port, destination_port; /* 32, 34 */
	__u8 protocol;                   /* 36 */
	__u8 icmp_type, icmp_code;       /* 37, 38 */
	__u8 tcp_flags;                  /* 39 */
};

struct podlane_verdict {
	__u64 time;       /*  0: CLOCK_MONOTONIC, ns */
	__u32 slot;       /*  8 */
	__u32 owner;      /* 12 */
	__u8 direction;   /* 16 */
	__u8 told;        /* 17: enum podlane_told */
	__u8 reason;      /* 18: enum podlane_reason, of a drop */
	__u8 set;         /* 19: whose number `rule` is */
	__u32 generation; /* 20: of that set */
	__u32 rule;       /* 24 */
	__u32 length;     /* 28: of the network packet */
	struct podlane_tuple tuple; /* 32 */
};

/* By slot and CPU, as the counters. */
struct podlane_lost {
	__u64 limited; /* 0: over the rate */
	__u64 full;    /* 8: the ring buffer was full */
};

#define PODLANE_TRACES 4
#define PODLANE_HEADERS 96
struct podlane_trace_filter {
	__u32 id;         /*  0: 0: there is none */
	__u32 owner;      /*  4: 0: any; as all that follow */
	__u32 address[4]; /*  8: of either end */
	__u16 port;       /* 24: of either end, host order */
	__u8 protocol;    /* 26 */
	__u8 family;      /* 27: 4 or 6 */
};

enum podlane_ran { PODLANE_RAN_NEXT = 0, PODLANE_RAN_DROPPED = 1, PODLANE_RAN_REDIRECTED = 2 };
struct podlane_trace {
	__u64 time;   /*  0: CLOCK_MONOTONIC, ns */
	__u32 id;     /*  8: of the filter */
	__u32 slot;   /* 12 */
	__u32 owner;  /* 16 */
	__u32 target; /* 20: slot, where redirected */
	__u32 rule;   /* 24: that denied */
	__u32 length; /* 28: of the network packet */
	__u8 hook;    /* 32: enum podlane_hook */
	__u8 ran;     /* 33: enum podlane_ran */
	__u8 reason;  /* 34: enum podlane_reason */
	__u8 headers; /* 35: how many bytes of `header` count */
	__u8 header[PODLANE_HEADERS]; /* 36 */
	__u32 zero;
};

#endif
