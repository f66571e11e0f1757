import { describeKernelDrops } from './kernel-drops.ts';

describeKernelDrops('veth');
