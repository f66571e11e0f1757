import { describeOrder } from './program-order-suite.ts';

describeOrder('veth', 'tcx/ingress', 'tcx/egress');
