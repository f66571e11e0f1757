import { describeOrder } from './order.ts';

describeOrder('veth', 'tcx/ingress', 'tcx/egress');
