import { describeTraces } from './trace.ts';

describeTraces('veth');
