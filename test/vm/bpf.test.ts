import { describeCounting } from '../kernel/bpf/counting.ts';

describeCounting('netkit', 'netkit/peer', 'netkit/primary');
describeCounting('netkit', 'tcx/ingress', 'tcx/egress');
