import { describeRealEnds } from './real-ends-suite.ts';

describeRealEnds('veth');
