import { describeCounting } from './counting.ts';

describeCounting('veth', 'tcx/ingress', 'tcx/egress');
