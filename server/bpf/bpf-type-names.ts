/**
 * Returns a function from the numbers of an enum of <linux/bpf.h> to names as bpftool prints them: the enumerator in
 * lower case without its prefix. Unknown numbers of a newer kernel become `type NUMBER`.
 */
const named = (names: string): ((number: number) => string) => {
  const list = names.trim().split(/\s+/);
  return (number) => list[number] ?? `type ${number}`;
};

/** Returns the name of a value of enum bpf_prog_type. */
export const programTypeName = named(`
  unspec socket_filter kprobe sched_cls sched_act tracepoint xdp perf_event cgroup_skb cgroup_sock lwt_in lwt_out
  lwt_xmit sock_ops sk_skb cgroup_device sk_msg raw_tracepoint cgroup_sock_addr lwt_seg6local lirc_mode2 sk_reuseport
  flow_dissector cgroup_sysctl raw_tracepoint_writable cgroup_sockopt tracing struct_ops ext lsm sk_lookup syscall
  netfilter`);

/** Returns the name of a value of enum bpf_map_type. */
export const mapTypeName = named(`
  unspec hash array prog_array perf_event_array percpu_hash percpu_array stack_trace cgroup_array lru_hash
  lru_percpu_hash lpm_trie array_of_maps hash_of_maps devmap sockmap cpumap xskmap sockhash cgroup_storage
  reuseport_sockarray percpu_cgroup_storage queue stack sk_storage devmap_hash struct_ops ringbuf inode_storage
  task_storage bloom_filter user_ringbuf cgrp_storage arena`);

const attachTypes = `
  cgroup_inet_ingress cgroup_inet_egress cgroup_inet_sock_create cgroup_sock_ops sk_skb_stream_parser
  sk_skb_stream_verdict cgroup_device sk_msg_verdict cgroup_inet4_bind cgroup_inet6_bind cgroup_inet4_connect
  cgroup_inet6_connect cgroup_inet4_post_bind cgroup_inet6_post_bind cgroup_udp4_sendmsg cgroup_udp6_sendmsg
  lirc_mode2 flow_dissector cgroup_sysctl cgroup_udp4_recvmsg cgroup_udp6_recvmsg cgroup_getsockopt
  cgroup_setsockopt trace_raw_tp trace_fentry trace_fexit modify_return lsm_mac trace_iter cgroup_inet4_getpeername
  cgroup_inet6_getpeername cgroup_inet4_getsockname cgroup_inet6_getsockname xdp_devmap cgroup_inet_sock_release
  xdp_cpumap sk_lookup xdp sk_skb_verdict sk_reuseport_select sk_reuseport_select_or_migrate perf_event
  trace_kprobe_multi lsm_cgroup struct_ops netfilter tcx_ingress tcx_egress trace_uprobe_multi cgroup_unix_connect
  cgroup_unix_sendmsg cgroup_unix_recvmsg cgroup_unix_getpeername cgroup_unix_getsockname netkit_primary netkit_peer
  trace_kprobe_session trace_uprobe_session`;
/** Returns the name of a value of enum bpf_attach_type. */
export const attachTypeName = named(attachTypes);
/** Attach types of cgroup programs, with their values in enum bpf_attach_type. */
export const cgroupAttachTypes: readonly { type: number; name: string }[] = attachTypes
  .trim()
  .split(/\s+/)
  .map((name, type) => ({ type, name }))
  .filter(({ name }) => name.startsWith('cgroup_') || name === 'lsm_cgroup');

/** Returns the name of a value of enum bpf_link_type. */
export const linkTypeName = named(`
  unspec raw_tracepoint tracing cgroup iter netns xdp perf_event kprobe_multi struct_ops netfilter tcx uprobe_multi
  netkit sockmap`);

/** Names of the BPF_F_* flags of map creation (<linux/bpf.h>), in the order of their bits. */
const mapFlags = `
  no_prealloc no_common_lru numa_node rdonly wronly stack_build_id zero_seed rdonly_prog wronly_prog clone mmapable
  preserve_elems inner_map link path_fd vtype_btf_obj_fd token_fd segv_on_fault no_user_conv`
  .trim()
  .split(/\s+/);

/** Returns the names of the flags that are set in a map's `map_flags`. */
export const listBpfMapFlagNames = (flags: number): string[] =>
  Array.from({ length: 32 }, (_, bit) => bit)
    .filter((bit) => (flags >>> bit) & 1)
    .map((bit) => mapFlags[bit] ?? `bit ${bit}`);
