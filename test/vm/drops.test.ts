import { describeKernelDrops } from '../kernel/drops/kernel-drops-suite.ts';

describeKernelDrops('netkit');
