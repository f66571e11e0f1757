import { describeKernelDrops } from './kernel-drops-suite.ts';

describeKernelDrops('veth');
