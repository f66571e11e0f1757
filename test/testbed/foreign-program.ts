// Somebody else's program on a hook, for the life of the device: node test/testbed/foreign-program.ts HOOK IFINDEX first|last NAME
// Run it in the host's network namespace. Prints the program's id.
import { attachWithoutLink } from '../../server/bpf/attach-without-link.ts';
import { programInfo } from '../../server/bpf/program-info.ts';
import type { LinkHook } from '../../server/bpf/hook-query.ts';
import { loadMinimalProgram, programType } from '../../server/kernel/probe-programs.ts';
import { addBpfFilter, type TcHook } from '../../server/netlink/tc-filter.ts';
import { NetlinkSocket } from '../../server/netlink/socket.ts';

const [hook = '', ifindex = '', order = 'last', name = 'stranger'] = process.argv.slice(2);
const fd = await loadMinimalProgram(`load ${name}`, programType.schedulerClassifier, { result: -1 });
if (hook.startsWith('tc/')) {
  const socket = NetlinkSocket.open();
  const priority = order === 'first' ? 7 : 300;
  await addBpfFilter(socket, Number(ifindex), hook as TcHook, { program: fd, name, priority });
  socket.close();
} else await attachWithoutLink(Number(ifindex), hook as LinkHook, { fd }, order === 'first' ? 'first' : 'last');
process.stdout.write(String(programInfo(fd).id));
