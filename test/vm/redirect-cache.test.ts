import { describeRedirectCache } from '../kernel/bpf/redirect-cache-suite.ts';

const l3 = { kind: 'netkit', mode: 'l3', hooks: 'netkit' } as const;
const l2 = { kind: 'netkit', mode: 'l2', hooks: 'netkit' } as const;
const veth = { kind: 'veth', hooks: 'tcx' } as const;

describeRedirectCache(l3, veth);
describeRedirectCache(veth, l2);
