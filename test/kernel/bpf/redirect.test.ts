import { describeRedirect } from './redirect-suite.ts';

const veth = { kind: 'veth', hooks: 'tcx' } as const;
const vethOnClsact = { kind: 'veth', hooks: 'tc' } as const;

describeRedirect(veth, veth);
describeRedirect(vethOnClsact, veth);
