import { describeRedirectCache } from './redirect-cache-suite.ts';

const veth = { kind: 'veth', hooks: 'tcx' } as const;
const vethOnClsact = { kind: 'veth', hooks: 'tc' } as const;

describeRedirectCache(veth, veth);
describeRedirectCache(vethOnClsact, veth);
