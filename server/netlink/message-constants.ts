/** Netlink message types, <linux/netlink.h>. */
export const nlmsgTypes = { error: 2, done: 3 } as const;

/** Netlink message flags NLM_F_*, <linux/netlink.h>. */
export const nlmsgFlags = {
  request: 0x1,
  ack: 0x4,
  echo: 0x8,
  dumpInterrupted: 0x10,
  /** Flag NLM_F_REPLACE of a request that creates an object. */
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  /** Flags NLM_F_ROOT | NLM_F_MATCH of a request that lists objects. */
  dump: 0x300,
  /** Flag NLM_F_CAPPED of an acknowledgement that does not repeat the request. */
  capped: 0x100,
  acknowledgeTlvs: 0x200,
} as const;

/** Message types RTM_*, <linux/rtnetlink.h>. */
export const rtmTypes = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
  newNeighbor: 28,
  delNeighbor: 29,
  getNeighbor: 30,
  newRule: 32,
  delRule: 33,
  getRule: 34,
  newQdisc: 36,
  delQdisc: 37,
  getQdisc: 38,
  newTrafficClass: 40,
  getTrafficClass: 42,
  newFilter: 44,
  delFilter: 45,
  getFilter: 46,
  newAction: 48,
  getAction: 50,
  newNetconf: 80,
  newNamespaceId: 88,
  delNamespaceId: 89,
  getNamespaceId: 90,
  getStatistics: 94,
  newNextHop: 104,
  delNextHop: 105,
  getNextHop: 106,
  newLinkProperty: 108,
  delLinkProperty: 109,
} as const;
