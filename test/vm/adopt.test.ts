import { describeBridgedPod } from '../kernel/adopt/bridged-suite.ts';
import { describeRoutedPods } from '../kernel/adopt/routed-suite.ts';

const moves = [{ to: 'netkit' }, { to: 'veth' }, { to: 'netkit' }] as const;
describeRoutedPods(moves, { count: 2000, ms: 20 });
describeBridgedPod(moves, { count: 1000, ms: 20 });
