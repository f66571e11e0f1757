import { describeTraces } from '../kernel/trace/trace.ts';

describeTraces('netkit');
