import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { BpfObjectHolder } from '../../../contract/program.ts';
import { findPerfEventProgram } from '../../bpf/perf-event-program.ts';
import { createProgramAttachment } from './attachment.ts';
import type { NodeScan, ProgramAttachment } from './node-scan.ts';

/** Time limit in ms for reading the file descriptors of all processes from /proc. */
const mostMs = 1_000;
/** Maximum number of processes listed as holders of one BPF object. */
const mostHolders = 8;

const kinds = { 'bpf-prog': 'program', 'bpf-map': 'map', bpf_link: 'link', 'bpf-link': 'link' } as const;
const idLine = { program: /^prog_id:\s*(\d+)/m, map: /^map_id:\s*(\d+)/m, link: /^link_id:\s*(\d+)/m };

/** Reads from /proc the BPF objects, perf event programs and network namespaces of all other processes. */
export function scanProcesses(unread: string[]): {
  holders: NodeScan['holders'];
  perfEvents: ProgramAttachment[];
  /** Paths of the processes' network namespaces, by inode number. */
  namespaces: Map<bigint, string>;
} {
  const holders: NodeScan['holders'] = [];
  const counts = new Map<string, number>();
  const perfEvents: ProgramAttachment[] = [];
  const namespaces = new Map<bigint, string>();
  const until = performance.now() + mostMs;
  const pids = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
  for (const [index, pid] of pids.entries()) {
    if (performance.now() > until) {
      unread.push(
        `descriptors of ${pids.length - index} of ${pids.length} processes: more than ${mostMs} ms`,
      );
      break;
    }
    try {
      const path = `/proc/${pid}/ns/net`;
      const { ino } = statSync(path, { bigint: true });
      if (!namespaces.has(ino)) namespaces.set(ino, path);
      // `listHeldBpfObjectIds` covers the agent: descriptors of this thread come and go.
      if (pid === process.pid) continue;
      for (const { fd, kind } of bpfDescriptors(pid))
        if (kind === 'perf') perfEvents.push(...perfAttachment(pid, fd));
        else {
          const id = Number(idLine[kind].exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))?.[1]);
          const count = counts.get(`${kind} ${id}`) ?? 0;
          counts.set(`${kind} ${id}`, count + 1);
          if (
            count < mostHolders &&
            !holders.some((each) => each.pid === pid && each.kind === kind && each.id === id)
          )
            holders.push({ kind, id, ...holder(pid) });
        }
    } catch {
      // The process has exited.
    }
  }
  return { holders, perfEvents, namespaces };
}

/** Returns the name of a process's executable, because /proc/PID/comm may be a thread name, as in Node. */
function holder(pid: number): BpfObjectHolder {
  const [program = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return { pid, name: basename(program) || readFileSync(`/proc/${pid}/comm`, 'utf8').trim() };
}

interface BpfDescriptor {
  fd: number;
  kind: 'program' | 'map' | 'link' | 'perf';
}

function bpfDescriptors(pid: number | 'self'): BpfDescriptor[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd): BpfDescriptor[] => {
    let target: string;
    try {
      target = readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return []; // closed
    }
    if (!target.startsWith('anon_inode:')) return [];
    const name = target.slice('anon_inode:'.length).replace(/^\[(.*)\]$/, '$1');
    if (name === 'perf_event') return [{ fd: Number(fd), kind: 'perf' }];
    const kind = kinds[name as keyof typeof kinds];
    return kind === undefined ? [] : [{ fd: Number(fd), kind }];
  });
}

/** Returns the ids of the BPF objects that this process holds open. No other thread may open any during the call. */
export function listHeldBpfObjectIds(): Record<'program' | 'map' | 'link', Set<number>> {
  const held = { program: new Set<number>(), map: new Set<number>(), link: new Set<number>() };
  for (const { fd, kind } of bpfDescriptors('self')) {
    if (kind === 'perf') continue;
    const id = idLine[kind].exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    if (id !== undefined) held[kind].add(Number(id));
  }
  return held;
}

function perfAttachment(pid: number, fd: number): ProgramAttachment[] {
  const event = findPerfEventProgram(pid, fd);
  if (event === null) return [];
  const target = `${event.target} of process ${pid}`;
  return [createProgramAttachment(event.programId, { kind: 'perf', hook: 'perf_event', target })];
}
