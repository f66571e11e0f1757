import { describeBridgedPod } from './bridged-suite.ts';

describeBridgedPod([{ to: 'veth', recreate: true }], { count: 1500, ms: 2 });
