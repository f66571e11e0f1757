/**
 * Byte offsets of the fields that the codecs here use, by struct of the kernel's headers; `bytes` is the struct's
 * size. A kernel test compares them with the running kernel's BTF.
 */

// <linux/netlink.h>
export const nlmsghdr = {
  bytes: 16,
  nlmsg_len: 0,
  nlmsg_type: 4,
  nlmsg_flags: 6,
  nlmsg_seq: 8,
  nlmsg_pid: 12,
} as const;
export const nlmsgerr = { bytes: 20, error: 0, msg: 4 } as const;
export const nlattr = { bytes: 4, nla_len: 0, nla_type: 2 } as const;
export const sockaddr_nl = { bytes: 12, nl_family: 0, nl_pid: 4, nl_groups: 8 } as const;

// <linux/rtnetlink.h>
export const ifinfomsg = {
  bytes: 16,
  ifi_family: 0,
  ifi_type: 2,
  ifi_index: 4,
  ifi_flags: 8,
  ifi_change: 12,
} as const;
// <linux/fib_rules.h>
export const fib_rule_hdr = { bytes: 12, family: 0, flags: 8 } as const;

// <linux/rtnetlink.h>
export const rtmsg = {
  bytes: 12,
  rtm_family: 0,
  rtm_dst_len: 1,
  rtm_src_len: 2,
  rtm_tos: 3,
  rtm_table: 4,
  rtm_protocol: 5,
  rtm_scope: 6,
  rtm_type: 7,
  rtm_flags: 8,
} as const;
export const tcmsg = {
  bytes: 20,
  tcm_family: 0,
  tcm_ifindex: 4,
  tcm_handle: 8,
  tcm_parent: 12,
  tcm_info: 16,
} as const;
export const rtnexthop = { bytes: 8, rtnh_len: 0, rtnh_flags: 2, rtnh_hops: 3, rtnh_ifindex: 4 } as const;
export const rtvia = { rtvia_family: 0, rtvia_addr: 2 } as const;

// <linux/if_addr.h>
export const ifaddrmsg = {
  bytes: 8,
  ifa_family: 0,
  ifa_prefixlen: 1,
  ifa_flags: 2,
  ifa_scope: 3,
  ifa_index: 4,
} as const;
export const ifa_cacheinfo = { bytes: 16, ifa_prefered: 0, ifa_valid: 4 } as const;

// <linux/neighbour.h>
export const ndmsg = {
  bytes: 12,
  ndm_family: 0,
  ndm_ifindex: 4,
  ndm_state: 8,
  ndm_flags: 10,
  ndm_type: 11,
} as const;

// <linux/if_link.h>
export const rtnl_link_stats64 = {
  rx_packets: 0,
  tx_packets: 8,
  rx_bytes: 16,
  tx_bytes: 24,
  rx_errors: 32,
  tx_errors: 40,
  rx_dropped: 48,
  tx_dropped: 56,
} as const;

// <linux/inet_diag.h>, <linux/packet_diag.h>
export const inet_diag_req_v2 = {
  bytes: 56,
  sdiag_family: 0,
  sdiag_protocol: 1,
  idiag_ext: 2,
  idiag_states: 4,
  id: 8,
} as const;
export const inet_diag_bc_op = { bytes: 4, code: 0, yes: 1, no: 2 } as const;
export const inet_diag_msg = {
  bytes: 72,
  idiag_family: 0,
  'id.idiag_sport': 4,
  'id.idiag_dport': 6,
  'id.idiag_src': 8,
  'id.idiag_dst': 24,
  'id.idiag_if': 40,
  idiag_inode: 68,
} as const;
export const packet_diag_req = {
  bytes: 20,
  sdiag_family: 0,
  sdiag_protocol: 1,
  pdiag_ino: 4,
  pdiag_show: 8,
} as const;
export const packet_diag_msg = { bytes: 16, pdiag_family: 0, pdiag_ino: 4 } as const;
export const packet_diag_info = { pdi_index: 0 } as const;

// <linux/netfilter/nfnetlink.h>, <linux/netfilter/nf_conntrack_tcp.h>
export const nfgenmsg = { bytes: 4, nfgen_family: 0, version: 1, res_id: 2 } as const;
export const nf_ct_tcp_flags = { bytes: 2, flags: 0, mask: 1 } as const;

// <linux/socket.h>: recvmsg(2) takes the kernel's struct user_msghdr
export const user_msghdr = {
  bytes: 56,
  msg_iov: 16,
  msg_iovlen: 24,
  msg_control: 32,
  msg_controllen: 40,
} as const;
export const cmsghdr = { bytes: 16, cmsg_len: 0, cmsg_level: 8, cmsg_type: 12 } as const;

// <linux/xfrm.h>
export const xfrm_userpolicy_info = {
  bytes: 168,
  'sel.family': 40,
  'sel.prefixlen_d': 42,
  'sel.prefixlen_s': 43,
  'sel.ifindex': 48,
  curlft: 120,
  priority: 152,
  index: 156,
  dir: 160,
} as const;
export const xfrm_userpolicy_id = { bytes: 64, index: 56, dir: 60 } as const;
export const xfrm_usersa_info = { bytes: 224, 'sel.ifindex': 48, 'id.spi': 72, 'id.proto': 76 } as const;
