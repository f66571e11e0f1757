import { describeKernelFacts } from '../kernel/kernel-facts-suite.ts';

// Debian's kernel describes the reply of a packet socket dump in its BTF but not the request, which is checked natively.
describeKernelFacts(['packet_diag_req']);
