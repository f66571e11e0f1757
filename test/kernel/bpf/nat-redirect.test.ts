import { describeNatRedirect } from './nat-redirect-suite.ts';

const veth = { kind: 'veth', hooks: 'tcx' } as const;
const vethOnClsact = { kind: 'veth', hooks: 'tc' } as const;

describeNatRedirect(veth, veth);
describeNatRedirect(vethOnClsact, veth);
