/**
 * Byte offsets of the fields that the code here uses, by struct of <linux/bpf.h>. A dot leads into a named or nested
 * struct. `bytes` is the size of the buffer that is passed to the kernel, up to the last field in use: the kernel
 * fills in or reads as much as both know. A kernel test compares the offsets with the running kernel's BTF.
 */

export const bpf_prog_info = {
  bytes: 232,
  type: 0,
  id: 4,
  tag: 8,
  jited_prog_len: 16,
  xlated_prog_len: 20,
  xlated_prog_insns: 32,
  load_time: 40,
  created_by_uid: 48,
  nr_map_ids: 52,
  map_ids: 56,
  name: 64,
  /** Offset of the bitfield whose bit 0 is gpl_compatible. */
  gpl_compatible: 84,
  btf_id: 128,
  func_info_rec_size: 132,
  func_info: 136,
  nr_func_info: 144,
  nr_line_info: 148,
  line_info: 152,
  line_info_rec_size: 172,
  run_time_ns: 192,
  run_cnt: 200,
  recursion_misses: 208,
  verified_insns: 216,
  attach_btf_obj_id: 220,
  attach_btf_id: 224,
} as const;

export const bpf_map_info = {
  bytes: 80,
  type: 0,
  id: 4,
  key_size: 8,
  value_size: 12,
  max_entries: 16,
  map_flags: 20,
  name: 24,
  btf_id: 64,
  btf_key_type_id: 68,
  btf_value_type_id: 72,
} as const;

export const bpf_link_info = {
  bytes: 96,
  type: 0,
  id: 4,
  prog_id: 8,
  'raw_tracepoint.tp_name': 16,
  'raw_tracepoint.tp_name_len': 24,
  'tracing.attach_type': 16,
  'tracing.target_obj_id': 20,
  'tracing.target_btf_id': 24,
  'cgroup.cgroup_id': 16,
  'cgroup.attach_type': 24,
  'iter.target_name': 16,
  'iter.target_name_len': 24,
  'netns.netns_ino': 16,
  'netns.attach_type': 20,
  'xdp.ifindex': 16,
  'struct_ops.map_id': 16,
  'netfilter.pf': 16,
  'netfilter.hooknum': 20,
  'netfilter.priority': 24,
  'kprobe_multi.count': 24,
  'uprobe_multi.count': 52,
  'perf_event.type': 16,
  'perf_event.kprobe.func_name': 24,
  'perf_event.kprobe.name_len': 32,
  'tcx.ifindex': 16,
  'tcx.attach_type': 20,
  'netkit.ifindex': 16,
  'netkit.attach_type': 20,
  'sockmap.map_id': 16,
  'sockmap.attach_type': 20,
} as const;

export const bpf_btf_info = {
  bytes: 32,
  btf: 0,
  btf_size: 8,
  id: 12,
  name: 16,
  name_len: 24,
  kernel_btf: 28,
} as const;

/** Offsets in union bpf_attr, which has a struct for each command of bpf(2). */
export const bpf_attr = {
  bytes: 120,
  // BPF_PROG_LOAD
  prog_type: 0,
  insn_cnt: 4,
  insns: 8,
  license: 16,
  prog_name: 48,
  expected_attach_type: 68,
  attach_btf_id: 108,
  // BPF_PROG_ATTACH, BPF_PROG_DETACH
  target_ifindex: 0,
  attach_bpf_fd: 4,
  attach_type: 8,
  attach_flags: 12,
  relative_id: 20,
  // BPF_*_GET_NEXT_ID
  start_id: 0,
  next_id: 4,
  'query.target_ifindex': 0,
  'query.attach_type': 4,
  'query.prog_ids': 16,
  'query.count': 24,
  'query.link_ids': 40,
  'raw_tracepoint.name': 0,
  'raw_tracepoint.prog_fd': 8,
  'task_fd_query.pid': 0,
  'task_fd_query.fd': 4,
  'task_fd_query.buf_len': 12,
  'task_fd_query.buf': 16,
  'task_fd_query.prog_id': 24,
  'task_fd_query.fd_type': 28,
  'link_create.prog_fd': 0,
  'link_create.target_ifindex': 4,
  'link_create.attach_type': 8,
  'link_create.flags': 12,
  'link_create.tcx.relative_id': 16,
  'link_create.netkit.relative_id': 16,
  'link_create.netfilter.pf': 16,
  'link_create.netfilter.hooknum': 20,
  'link_create.netfilter.priority': 24,
  'enable_stats.type': 0,
} as const;

export const bpf_func_info = { bytes: 8, insn_off: 0, type_id: 4 } as const;
export const bpf_line_info = {
  bytes: 16,
  insn_off: 0,
  file_name_off: 4,
  line_off: 8,
  line_col: 12,
} as const;
/** Layout of struct bpf_insn; `dst_reg` and `src_reg` are the lower and upper half of the byte at offset 1. */
export const bpf_insn = { bytes: 8, code: 0, dst_reg: 1, off: 2, imm: 4 } as const;

/** Layout of struct __sk_buff, the context of traffic control programs in BPF_PROG_TEST_RUN. */
export const __sk_buff = { bytes: 192, ingress_ifindex: 36, ifindex: 40 } as const;
