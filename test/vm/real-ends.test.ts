import { describeRealEnds } from '../kernel/acl/real-ends-suite.ts';

// The agent starts before the node translates addresses, so before the module nf_conntrack is loaded.
describeRealEnds('netkit');
