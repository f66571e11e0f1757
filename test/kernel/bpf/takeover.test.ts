import { describeTakeover } from './takeover.ts';

describeTakeover('veth', 'tcx/ingress', 'tcx/egress');
