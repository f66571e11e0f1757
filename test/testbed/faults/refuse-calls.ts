import { AsyncLocalStorage } from 'node:async_hooks';
import { constants } from 'node:os';
import { BpfError } from '../../../server/bpf/bpf-error.ts';
import { DatapathPrograms } from '../../../server/bpf/datapath.ts';
import { NetlinkError } from '../../../server/netlink/netlink-error.ts';
import { type NetlinkRequest, NetlinkSocket } from '../../../server/netlink/socket.ts';
import type { Fault } from './fault.ts';

/** The calls to the kernel that one piece of work makes, and which of them are refused. */
export interface KernelCalls {
  made: number;
  refused: number;
  refusal: Pick<Extract<Fault, { type: 'refusal' }>, 'errno' | 'call' | 'always'> | null;
}

const working = new AsyncLocalStorage<KernelCalls>();

/** Counts the calls that `work` makes to the kernel, and refuses those of `calls.refusal`. */
export const withCalls = <T>(calls: KernelCalls, work: () => Promise<T>): Promise<T> =>
  working.run(calls, work);

/** The errno that the next call is to be refused with, null for one that goes through. */
function refusalOfNext(): number | null {
  const calls = working.getStore();
  if (!calls) return null;
  calls.made += 1;
  const { refusal } = calls;
  if (!refusal || calls.made < refusal.call || (calls.made > refusal.call && !refusal.always)) return null;
  calls.refused += 1;
  return constants.errno[refusal.errno];
}

/** Puts us between the agent and the kernel: netlink's three kinds of exchange, and what is asked of bpf(2). */
export function interceptKernelCalls(): void {
  const socket = NetlinkSocket.prototype;
  for (const name of ['get', 'dump'] as const) {
    const real = socket[name] as (
      this: NetlinkSocket,
      request: NetlinkRequest,
      parse: unknown,
    ) => Promise<unknown>;
    Object.assign(socket, {
      [name](this: NetlinkSocket, request: NetlinkRequest, parse: unknown) {
        const errno = refusalOfNext();
        return errno === null
          ? real.call(this, request, parse)
          : Promise.reject(new NetlinkError(request.operation, errno));
      },
    });
  }
  const batch = socket.batch;
  socket.batch = async function (requests) {
    const errnos = requests.map(() => refusalOfNext());
    const answers = await batch.call(
      this,
      requests.filter((_, i) => errnos[i] === null),
    );
    return requests.map(({ operation: tried }, i) =>
      errnos[i] === null ? answers.shift()! : new NetlinkError(tried, errnos[i]!),
    );
  };

  const programs = DatapathPrograms.prototype;
  for (const name of ['attach', 'detach', 'query', 'setSlot', 'clearSlot', 'setEndpoint'] as const) {
    const real = programs[name] as (this: DatapathPrograms, ...words: unknown[]) => unknown;
    Object.assign(programs, {
      [name](this: DatapathPrograms, ...words: unknown[]) {
        const errno = refusalOfNext();
        if (errno === null) return real.apply(this, words);
        const refusal = new BpfError(
          `${name} ${words.filter((each) => typeof each !== 'object').join(' ')}`,
          errno,
        );
        if (name === 'setSlot' || name === 'clearSlot' || name === 'setEndpoint') throw refusal;
        return Promise.reject(refusal);
      },
    });
  }
}
