import { describeCounting } from './counting-suite.ts';

describeCounting('veth', 'tcx/ingress', 'tcx/egress');
