// Attaches a foreign program to a hook for the life of the device, and prints the program's id. It has to run in the
// host's network namespace: node test/testbed/foreign-program.ts HOOK IFINDEX head|tail NAME [RESULT]; RESULT is -1
// for TCX_NEXT by default, or peer:IFINDEX for bpf_redirect_peer
import { attachWithoutLink } from '../../server/bpf/attach-without-link.ts';
import type { LinkHook } from '../../server/bpf/hook.ts';
import { callHelper, exitProgram, setRegister } from '../../server/bpf/instructions.ts';
import { readBpfProgramInfo } from '../../server/bpf/program-info.ts';
import {
  loadMinimalProgram,
  loadProbeProgram,
  minimalProgramTypes,
} from '../../server/kernel/capability-probe-programs.ts';
import { NetlinkSocket } from '../../server/netlink/socket.ts';
import { addTcBpfFilter, type TcHook } from '../../server/netlink/tc-filter.ts';
import { loadRedirectPeerProgram } from './redirect-peer-program.ts';

const [hook = '', ifindex = '', anchor = 'tail', name = 'foreign', result = '-1'] = process.argv.slice(2);
const fd = result.startsWith('peer:')
  ? await loadRedirectPeerProgram(Number(result.slice(5)))
  : await loadMinimalProgram(`load ${name}`, minimalProgramTypes.schedulerClassifier, {
      result: Number(result),
    });
if (hook.startsWith('tc/')) {
  const socket = NetlinkSocket.open();
  const priority = anchor === 'head' ? 7 : 300;
  await addTcBpfFilter(socket, Number(ifindex), hook as TcHook, { program: fd, name, priority });
  socket.close();
} else
  await attachWithoutLink(Number(ifindex), hook as LinkHook, { fd }, anchor === 'head' ? 'head' : 'tail');
process.stdout.write(String(readBpfProgramInfo(fd).id));

/** Encodes a program that calls a helper and does not use what it answers: packets go on as without it. */
function callingHelper(name: string): Buffer {
  const helpers: Record<string, number> = { bpf_redirect: 23, bpf_redirect_peer: 155 };
  const number = helpers[name];
  if (number === undefined) throw new Error(`no program is known that calls ${name}`);
  return Buffer.concat([
    setRegister(1, 1),
    setRegister(2, 0),
    callHelper(number),
    setRegister(0, -1),
    exitProgram(),
  ]);
}
