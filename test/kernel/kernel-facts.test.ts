import { describeKernelFacts } from './kernel-facts-suite.ts';

describeKernelFacts([]);
