import { describePrograms } from '../kernel/programs/programs.ts';

// bpftool on the guest's PATH is 7.5, which knows tcx and netkit.
describePrograms('netkit');
