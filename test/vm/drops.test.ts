import { describeKernelDrops } from '../kernel/drops/kernel-drops.ts';

describeKernelDrops('netkit');
