import { describeTakeover } from './takeover-suite.ts';

describeTakeover('veth', 'tcx/ingress', 'tcx/egress');
