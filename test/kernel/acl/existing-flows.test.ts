import { describeExistingFlows } from './existing-flows-suite.ts';

describeExistingFlows('veth');
