import { describeExistingFlows } from '../kernel/acl/existing-flows-suite.ts';

describeExistingFlows('netkit');
