import { describeRoutedPods } from './routed-suite.ts';

describeRoutedPods([{ to: 'veth', recreate: true }], { count: 1500, ms: 2 });
