/** Explains why no attachment was found for a program of the given type. */
export function explainNotAttached(type: string): string {
  switch (type) {
    case 'socket_filter':
      return 'unknown: the kernel does not report which sockets have a filter';
    case 'sk_reuseport':
      return 'unknown: the kernel does not report which SO_REUSEPORT groups have one';
    case 'lwt_in':
    case 'lwt_out':
    case 'lwt_xmit':
    case 'lwt_seg6local':
      return 'unknown: routes are not searched';
    case 'sched_act':
      return 'unknown: tc actions are not searched';
    case 'sched_cls':
      return 'at no netkit, tcx or clsact hook that was searched: not attached, or a filter of another qdisc, or in a namespace without processes';
    case 'cgroup_device':
    case 'cgroup_skb':
    case 'cgroup_sock':
    case 'cgroup_sock_addr':
    case 'cgroup_sockopt':
    case 'cgroup_sysctl':
    case 'sock_ops':
      return 'at no cgroup of the mounted hierarchy: not attached, or its cgroup was removed while in use';
    case 'kprobe':
    case 'tracepoint':
    case 'perf_event':
      return 'at no perf event of a process: not attached, or through a descriptor that could not be read';
    case 'ext':
      return 'not attached: a link would make it replace a function of another program';
    case 'syscall':
      return 'its owner runs it by a system call: it cannot be attached';
    case 'struct_ops':
      return 'it implements a kernel interface, which a struct_ops map or its link registers';
    default:
      return 'not attached';
  }
}
