import { describeRedirect } from './redirect.ts';

const veth = { kind: 'veth', hooks: 'tcx' } as const;
const vethOnClsact = { kind: 'veth', hooks: 'tc' } as const;

describeRedirect(veth, veth);
describeRedirect(vethOnClsact, veth);
