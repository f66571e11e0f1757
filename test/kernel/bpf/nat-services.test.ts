import { describeNatServices } from './nat-services-suite.ts';

const veth = { kind: 'veth', hooks: 'tcx' } as const;

describeNatServices(veth, veth);
