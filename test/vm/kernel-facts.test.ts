import { describeKernelFacts } from '../kernel/kernel-facts-suite.ts';

describeKernelFacts([]);
