// Attaches a foreign program to a hook for the life of the device, and prints the program's id. It has to run in the
// host's network namespace: node test/testbed/foreign-program.ts HOOK IFINDEX head|tail NAME
import { attachWithoutLink } from '../../server/bpf/attach-without-link.ts';
import type { LinkHook } from '../../server/bpf/hook.ts';
import { readBpfProgramInfo } from '../../server/bpf/program-info.ts';
import { loadMinimalProgram, minimalProgramTypes } from '../../server/kernel/capability-probe-programs.ts';
import { NetlinkSocket } from '../../server/netlink/socket.ts';
import { addTcBpfFilter, type TcHook } from '../../server/netlink/tc-filter.ts';

const [hook = '', ifindex = '', anchor = 'tail', name = 'foreign'] = process.argv.slice(2);
const fd = await loadMinimalProgram(`load ${name}`, minimalProgramTypes.schedulerClassifier, { result: -1 });
if (hook.startsWith('tc/')) {
  const socket = NetlinkSocket.open();
  const priority = anchor === 'head' ? 7 : 300;
  await addTcBpfFilter(socket, Number(ifindex), hook as TcHook, { program: fd, name, priority });
  socket.close();
} else
  await attachWithoutLink(Number(ifindex), hook as LinkHook, { fd }, anchor === 'head' ? 'head' : 'tail');
process.stdout.write(String(readBpfProgramInfo(fd).id));
