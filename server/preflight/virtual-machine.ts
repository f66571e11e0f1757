import type { NetworkLink } from '../netlink/link-message.ts';

/** What is known of a pod's runtime. */
export interface RuntimeSigns {
  /** Runtime or runtime class, such as `kata-qemu`; null if it is not known. */
  runtime: string | null;
  /** Programs of the processes in the pod's network namespace. */
  programs: readonly string[];
  /** Interfaces in the namespace. */
  interfaces: readonly Pick<NetworkLink, 'name' | 'kind'>[];
}

interface MachineSigns {
  runtime?: RegExp;
  program?: RegExp;
  interface?: RegExp;
}

/** Signs of runtimes that put a machine, or a network stack of their own, between the pod and its interface. */
const machines: Readonly<Record<string, MachineSigns>> = {
  'Kata Containers': { runtime: /kata/i, interface: /^(tap|br)\d+_kata$/ },
  gVisor: { runtime: /gvisor|runsc/i, program: /^runsc(-sandbox|-gofer)?$/ },
  KubeVirt: { runtime: /kubevirt/i, program: /^virt-launcher/, interface: /^k6t-/ },
  Firecracker: { runtime: /firecracker/i, program: /^firecracker$/ },
  'Cloud Hypervisor': { program: /^cloud-hypervisor$/ },
  QEMU: { program: /^qemu-(system-|kvm)/ },
};

/** Finds out whether a pod runs in a virtual machine. @returns its name and by what it is known, or null */
export function findVirtualMachine({
  runtime,
  programs,
  interfaces,
}: RuntimeSigns): { name: string; because: string } | null {
  for (const [name, signs] of Object.entries(machines)) {
    const program = programs.find((each) => signs.program?.test(each));
    const link = interfaces.find((each) => signs.interface?.test(each.name));
    if (runtime !== null && signs.runtime?.test(runtime))
      return { name, because: `its runtime is ${runtime}` };
    if (program !== undefined) return { name, because: `${program} runs in its namespace` };
    if (link !== undefined) return { name, because: `its namespace has the interface ${link.name}` };
  }
  return null;
}
