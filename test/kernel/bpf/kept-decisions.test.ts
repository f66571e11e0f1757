import { describeKeptDecisions } from './kept-decisions-suite.ts';

const veth = { kind: 'veth', hooks: 'tcx' } as const;
const vethOnClsact = { kind: 'veth', hooks: 'tc' } as const;

describeKeptDecisions(veth, veth);
describeKeptDecisions(vethOnClsact, veth);
