import { describeNatRedirect } from '../kernel/bpf/nat-redirect-suite.ts';

describeNatRedirect({ kind: 'netkit', mode: 'l3', hooks: 'netkit' }, { kind: 'veth', hooks: 'tcx' });
