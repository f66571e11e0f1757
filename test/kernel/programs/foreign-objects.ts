import { closeSync, mkdirSync, openSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { readBpfProgramInfo } from '../../../server/bpf/program-info.ts';
import { bpf_map_create, bpf_map_update_elem, bpf_raw_tracepoint_open } from '../../../server/ffi/libbpf.ts';
import { mount, umount2 } from '../../../server/ffi/libc.ts';
import { createBpfLinkSync, loadMinimalProgram } from '../../../server/kernel/capability-probe-programs.ts';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { addClsactQdisc } from '../../../server/netlink/clsact.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { addTcBpfFilter } from '../../../server/netlink/tc-filter.ts';

/** enum bpf_prog_type, enum bpf_attach_type, enum bpf_map_type of <linux/bpf.h> */
const programType = {
  socketFilter: 1,
  schedulerClassifier: 3,
  xdp: 6,
  cgroupSkb: 8,
  rawTracepoint: 17,
} as const;
const attachType = { cgroupInetEgress: 1, xdp: 37, tcxIngress: 46, netkitPeer: 55 } as const;
const mapType = { hash: 1, progArray: 3, percpuArray: 6, lpmTrie: 11, ringbuf: 27 } as const;
const noPrealloc = 1;

/** Programs and maps of somebody else, this process: one for each way to attach that a node may have. */
export interface ForeignObjects extends Disposable {
  programs: Record<
    'xdp' | 'device' | 'behind' | 'filter' | 'cgroup' | 'tracepoint' | 'socket' | 'tailCalled',
    number
  >;
  maps: Record<'hash' | 'prefixes' | 'perCpu' | 'records' | 'calls', number>;
  cgroup: string;
}

const ids = (fd: number): number => readBpfProgramInfo(fd).id;

/**
 * Loads and attaches them in the host's namespace: XDP and a filter on its loopback, two links behind what is on
 * the hook of a device.
 */
export async function attachForeignObjects(
  host: string,
  { ifindex, hook }: { ifindex: number; hook: 'tcx/ingress' | 'netkit/peer' },
): Promise<ForeignObjects> {
  const ends: (() => void)[] = [];
  const load = async (name: string, type: number, result = 0): Promise<number> => {
    const fd = await loadMinimalProgram(`load ${name}`, type, { result });
    ends.push(() => closeSync(fd));
    return fd;
  };
  const link = (name: string, program: number, target: number, type: number): void => {
    const fd = createBpfLinkSync(`attach ${name}`, program, target, type);
    ends.push(() => closeSync(fd));
  };
  using namespace = openNetworkNamespace(host);
  using socket = NetlinkSocket.inNamespace(namespace.fd);
  const loopback = 1;

  const xdp = await load('xdp', programType.xdp, 2);
  const device = await load('device', programType.schedulerClassifier, -1);
  const behind = await load('behind', programType.schedulerClassifier, -1);
  const deviceType = hook === 'netkit/peer' ? attachType.netkitPeer : attachType.tcxIngress;
  runInNetworkNamespace(namespace.fd, () => {
    link('xdp', xdp, loopback, attachType.xdp);
    link('device', device, ifindex, deviceType);
    link('behind', behind, ifindex, deviceType);
  });
  const filter = await load('filter', programType.schedulerClassifier, -1);
  await addClsactQdisc(socket, loopback);
  await addTcBpfFilter(socket, loopback, 'tc/egress', { program: filter, name: 'filter', priority: 9 });
  const cgroupProgram = await load('cgroup', programType.cgroupSkb, 1);
  const cgroup = makeCgroup(`podlane-t-${process.pid}`, ends);
  const cgroupFd = openSync(cgroup.path, 'r');
  link('cgroup', cgroupProgram, cgroupFd, attachType.cgroupInetEgress);
  closeSync(cgroupFd);
  const tracepoint = await load('tracepoint', programType.rawTracepoint);
  const tracepointLink = bpf_raw_tracepoint_open('kfree_skb', tracepoint);
  if (tracepointLink < 0) throw new Error(`attach to tracepoint kfree_skb: ${tracepointLink}`);
  ends.push(() => closeSync(tracepointLink));
  const socketFilter = await load('socket', programType.socketFilter);
  const tailCalled = await load('tailCalled', programType.schedulerClassifier);

  const map = (
    name: string,
    type: number,
    key: number,
    value: number,
    entries: number,
    flags = 0,
  ): number => {
    // struct bpf_map_create_opts (bpf/bpf.h): sz 0, map_flags 28.
    const options = Buffer.alloc(48);
    options.writeBigUInt64LE(48n, 0);
    options.writeUInt32LE(flags, 28);
    const fd = bpf_map_create(type, name, key, value, entries, options);
    if (fd < 0) throw new Error(`make map ${name}: ${fd}`);
    ends.push(() => closeSync(fd));
    return fd;
  };
  const put = (fd: number, key: Buffer, value: Buffer): void => {
    const answer = bpf_map_update_elem(fd, key, value, 0);
    if (answer < 0) throw new Error(`write a map: ${answer}`);
  };
  const u32 = (...numbers: number[]): Buffer => Buffer.from(Uint32Array.from(numbers).buffer);
  const hash = map('t_hash', mapType.hash, 4, 8, 1_000);
  for (let n = 0; n < 300; n++) put(hash, u32(n), u32(n * n, 7));
  const prefixes = map('t_prefixes', mapType.lpmTrie, 8, 4, 16, noPrealloc);
  put(prefixes, Buffer.concat([u32(8), Buffer.from([10, 0, 0, 0])]), u32(1));
  put(prefixes, Buffer.concat([u32(24), Buffer.from([10, 42, 7, 0])]), u32(2));
  const perCpu = map('t_per_cpu', mapType.percpuArray, 4, 4, 2);
  const records = map('t_records', mapType.ringbuf, 0, 0, 4096);
  const calls = map('t_calls', mapType.progArray, 4, 4, 4);
  put(calls, u32(3), u32(tailCalled));

  return {
    programs: {
      xdp: ids(xdp),
      device: ids(device),
      behind: ids(behind),
      filter: ids(filter),
      cgroup: ids(cgroupProgram),
      tracepoint: ids(tracepoint),
      socket: ids(socketFilter),
      tailCalled: ids(tailCalled),
    },
    maps: {
      hash: mapId(hash),
      prefixes: mapId(prefixes),
      perCpu: mapId(perCpu),
      records: mapId(records),
      calls: mapId(calls),
    },
    cgroup: cgroup.name,
    [Symbol.dispose]() {
      for (const end of ends.splice(0).reverse()) end();
    },
  };
}

const mapId = (fd: number): number =>
  Number(/^map_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))![1]);

/** A cgroup of the unified hierarchy, which is mounted where it is not. */
function makeCgroup(name: string, ends: (() => void)[]): { path: string; name: string } {
  const mounted = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((line) => line.includes(' - cgroup2 '))
      ?.split(' ')[4];
  if (mounted() === undefined) {
    const place = `/tmp/${name}-cgroup2`;
    mkdirSync(place, { recursive: true });
    if (mount('none', place, 'cgroup2', 0, null) < 0)
      throw new Error('mount cgroup2: needs CONFIG_CGROUPS, as root');
    ends.push(() => {
      umount2(place, 2);
      rmdirSync(place);
    });
  }
  const path = join(mounted()!, name);
  mkdirSync(path);
  ends.push(() => rmdirSync(path));
  return { path, name: `/${name}` };
}
