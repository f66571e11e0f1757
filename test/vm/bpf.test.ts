import { describeCounting } from '../kernel/bpf/counting-suite.ts';
import { describeOrder } from '../kernel/bpf/program-order-suite.ts';
import { describeRedirect } from '../kernel/bpf/redirect-suite.ts';
import { describeTakeover } from '../kernel/bpf/takeover-suite.ts';

describeCounting('netkit', 'netkit/peer', 'netkit/primary');
describeCounting('netkit', 'tcx/ingress', 'tcx/egress');
describeTakeover('netkit', 'netkit/peer', 'netkit/primary');
describeOrder('netkit', 'netkit/peer', 'netkit/primary');

const veth = { kind: 'veth', hooks: 'tcx' } as const;
const l3 = { kind: 'netkit', mode: 'l3', hooks: 'netkit' } as const;
const l2 = { kind: 'netkit', mode: 'l2', hooks: 'netkit' } as const;
/** A netkit device whose programs are on the primary. */
const fallen = { kind: 'netkit', mode: 'l3', hooks: 'tcx' } as const;
const onClsact = { kind: 'netkit', mode: 'l2', hooks: 'tc' } as const;

// Answers take the same way back: each pair is tested both ways. Every kind meets every other kind once.
describeRedirect(l3, l2);
describeRedirect(l3, veth);
describeRedirect(veth, l2);
describeRedirect(onClsact, fallen);
