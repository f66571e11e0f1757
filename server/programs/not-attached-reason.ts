/** What it means that no attachment of a program was found, by its type. */
export function notAttachedReason(type: string): string {
  switch (type) {
    case 'socket_filter':
      return 'the kernel does not tell which sockets have a filter';
    case 'sk_reuseport':
      return 'the kernel does not tell which groups of sockets have one';
    case 'lwt_in':
    case 'lwt_out':
    case 'lwt_xmit':
    case 'lwt_seg6local':
      return 'routes run it, which are not looked through';
    case 'sched_act':
      return 'actions of tc run it, which are not looked through';
    case 'sched_cls':
      return 'at no netkit, tcx or clsact hook that was looked at: not attached, or a filter of another qdisc, or in a namespace of nobody';
    case 'cgroup_device':
    case 'cgroup_skb':
    case 'cgroup_sock':
    case 'cgroup_sock_addr':
    case 'cgroup_sockopt':
    case 'cgroup_sysctl':
    case 'sock_ops':
      return 'at no cgroup of the hierarchy that is mounted here: not attached, or its cgroup was removed and still in use';
    case 'kprobe':
    case 'tracepoint':
    case 'perf_event':
      return 'at no perf event of a process: not attached, or by a descriptor that could not be looked at';
    case 'ext':
      return 'not attached: it replaces a function of another program once a link does so';
    case 'syscall':
      return 'it is run by its owner, by a system call: there is nothing to attach it to';
    case 'struct_ops':
      return 'it is a function of a kernel interface, which a map of type struct_ops or its link registers';
    default:
      return 'not attached';
  }
}
