import { describeKeptDecisions } from '../kernel/bpf/kept-decisions-suite.ts';

const l3 = { kind: 'netkit', mode: 'l3', hooks: 'netkit' } as const;
const l2 = { kind: 'netkit', mode: 'l2', hooks: 'netkit' } as const;
const veth = { kind: 'veth', hooks: 'tcx' } as const;

describeKeptDecisions(l3, veth);
describeKeptDecisions(veth, l2);
