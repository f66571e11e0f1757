/** Names of the network agents that are recognized, as their makers write them. */
export const foreignAgentNames = [
  'Calico',
  'Cilium',
  'flannel',
  'Weave Net',
  'Antrea',
  'kube-router',
  'OVN-Kubernetes',
  'Amazon VPC CNI',
] as const;
export type ForeignAgentName = (typeof foreignAgentNames)[number];

/** Signs by which a network agent is recognized. */
export interface ForeignAgentSigns {
  /** Interfaces that it makes for itself on the host. */
  interfaces: RegExp;
  /** Host's ends of the devices that it gives to pods; null if another plugin makes them. */
  podInterfaces: RegExp | null;
  /** Bridges whose ports are the devices of its pods. */
  bridges: readonly string[];
  /** Names of its BPF programs, of which the kernel keeps 15 characters; null if it has none. */
  programs: RegExp | null;
  /** Types of its CNI plugins. */
  plugins: readonly string[];
  /** Programs of its processes on the node. */
  processes: readonly string[];
  /** Programs that may contain it, and do where it has an interface. */
  containedIn: readonly string[];
  /** Files and folders that it makes. */
  paths: readonly string[];
  /** What it repairs when others change it, as the end of a sentence. */
  repairs: string;
}

export const foreignAgentSigns: Readonly<Record<ForeignAgentName, ForeignAgentSigns>> = {
  Calico: {
    interfaces: /^(vxlan(-v6)?\.calico|wireguard\.cali|wg-v6\.cali|bpf(in|out)\.cali)$/,
    podInterfaces: /^cali[0-9a-f]{11}$/,
    bridges: [],
    programs: /^(cali_|calico_)/,
    plugins: ['calico', 'calico-ipam'],
    processes: ['calico-node', 'calico-felix'],
    containedIn: [],
    paths: ['/run/calico', '/var/lib/calico/nodename', '/sys/fs/bpf/calico'],
    repairs: 'the routes, sysctls, rules and programs of interfaces that begin with cali',
  },
  Cilium: {
    interfaces: /^cilium_(host|net|vxlan|geneve|wg\d+|ipip[46]?)$|^lxc_health$/,
    podInterfaces: /^lxc[0-9a-f]{8,12}$/,
    bridges: [],
    programs: /^cil_/,
    plugins: ['cilium-cni'],
    processes: ['cilium-agent'],
    containedIn: [],
    paths: ['/run/cilium', '/sys/fs/bpf/cilium'],
    repairs:
      'the programs and routes of its endpoints, and refuses to start beside a device of the other kind',
  },
  flannel: {
    interfaces: /^flannel(-v6)?\.\d+$|^flannel-wg(-v6)?$/,
    podInterfaces: null,
    bridges: ['cni0'],
    programs: null,
    plugins: ['flannel'],
    processes: ['flanneld'],
    containedIn: ['k3s', 'k3s-server', 'k3s-agent'],
    paths: ['/run/flannel/subnet.env'],
    repairs: 'its tunnel, the routes to other nodes and the masquerading of the pod network',
  },
  'Weave Net': {
    interfaces: /^(weave|vethwe-(bridge|datapath|pcap)|vxlan-6784)$/,
    podInterfaces: /^vethwepl/,
    bridges: ['weave'],
    programs: null,
    plugins: ['weave-net', 'weave-ipam'],
    processes: ['weaver', 'weave-npc'],
    containedIn: [],
    paths: ['/var/lib/weave'],
    repairs: 'its bridge and the rules of its policies',
  },
  Antrea: {
    interfaces: /^antrea-(gw|tun|egress|ingress)\d+$/,
    podInterfaces: null,
    bridges: [],
    programs: null,
    plugins: ['antrea'],
    processes: ['antrea-agent'],
    containedIn: [],
    paths: ['/run/antrea'],
    repairs: 'the ports and flows of its Open vSwitch bridge',
  },
  'kube-router': {
    interfaces: /^(kube-bridge|kube-dummy-if)$/,
    podInterfaces: null,
    bridges: ['kube-bridge'],
    programs: null,
    plugins: [],
    processes: ['kube-router'],
    containedIn: [],
    paths: [],
    repairs: 'its bridge, routes and rules',
  },
  'OVN-Kubernetes': {
    interfaces: /^ovn-k8s-mp\d+$/,
    podInterfaces: null,
    bridges: [],
    programs: null,
    plugins: ['ovn-k8s-cni-overlay'],
    processes: ['ovnkube', 'ovnkube-node'],
    containedIn: [],
    paths: ['/run/ovn-kubernetes'],
    repairs: 'the ports and flows of its Open vSwitch bridge',
  },
  'Amazon VPC CNI': {
    interfaces: /^pod-id-link\d+$/,
    podInterfaces: /^eni[0-9a-f]{11}$/,
    bridges: [],
    programs: null,
    plugins: ['aws-cni'],
    processes: ['aws-k8s-agent'],
    containedIn: [],
    paths: ['/run/aws-node'],
    repairs: 'the routes and routing rules of its pods',
  },
};
