import { execFileSync } from 'node:child_process';
import { addressBitLength, cidrContainsAddress, parseCidr } from '../contract/cidr.ts';
import type { RuleSet } from '../contract/rule-set.ts';
import { compileRules } from '../server/acl/compile/compile.ts';
import { type ConntrackTimeouts, defaultConntrackTimeouts } from '../server/acl/load/conntrack-timeouts.ts';
import { RuleLoader } from '../server/acl/load/rule-loader.ts';
import type { PolicyTables } from '../server/acl/tables/policy-tables.ts';
import { slotToPrimaryIfindex } from '../server/bpf/datapath-structs.ts';
import { ProgramTestRun } from '../server/bpf/program-test-run.ts';
import {
  countPolicyTableElements,
  createSeededRandom,
  generatePolicyEndpoints,
  generateRuleSet,
} from './acl-rules.ts';
import { openBenchKernelContext } from './fixture.ts';
import { type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';

const drop = 2;
/** Conntrack timeouts of zero, which make every packet the first of its connection. */
const noTracking = Object.fromEntries(
  Object.keys(defaultConntrackTimeouts).map((kind) => [kind, { unreplied: 0, replied: 0, closing: 0 }]),
) as ConntrackTimeouts;

/** Builds an Ethernet frame with the TCP SYN packet of a new connection to the pod. */
function opening(source: bigint, destination: bigint, sourcePort: number, port: number): Buffer {
  const frame = Buffer.alloc(14 + 20 + 20);
  frame.writeUInt16BE(0x0800, 12);
  frame.set([0x45, 0, 0, 40], 14);
  frame.set([64, 6], 22);
  frame.writeUInt32BE(Number(source), 26);
  frame.writeUInt32BE(Number(destination), 30);
  frame.writeUInt16BE(sourcePort, 34);
  frame.writeUInt16BE(port, 36);
  frame.set([5 << 4, 2], 46);
  return frame;
}

/** Generates a rule set for one pod's ingress, just large enough for its tables to have `entries` map elements. */
function setOf(entries: number) {
  const pods = generatePolicyEndpoints(1);
  for (let rules = 1; ; rules = Math.ceil(rules * 1.05)) {
    const generated = generateRuleSet(rules, 2 * rules, 1);
    const ours = { direction: 'ingress', subject: { all: true } } as const;
    const set: RuleSet = {
      ...generated,
      defaults: { ingress: 'allow', egress: 'allow' },
      rules: generated.rules.map((rule) => ({ ...rule, ...ours })),
    };
    const { tables } = compileRules(set, pods);
    if (countPolicyTableElements(tables) >= entries) return { set, tables };
  }
}

/** Generates TCP packets from random addresses within the ipcache's prefixes to ports that the policy entries name. */
function packetsFor(tables: PolicyTables, count: number): Buffer[] {
  const random = createSeededRandom(1);
  const pod = parseCidr(generatePolicyEndpoints(1)[0]!.addresses[0]!).address;
  const prefixes = [...tables.ipcache.values()]
    .map(({ prefix }) => prefix)
    .filter(({ family }) => family === 4);
  const ports = [...tables.entryLists.values()].flat().filter(({ protocol }) => protocol === 6);
  const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(random() * all.length)];
  return Array.from({ length: count }, (_, i) => {
    const prefix = pick(prefixes) ?? parseCidr('192.0.2.0/24');
    const host = BigInt(Math.floor(random() * 2 ** Math.min(30, addressBitLength(4) - prefix.length)));
    const value = prefix.address + host;
    if (!cidrContainsAddress(prefix, { family: 4, value })) throw new Error('an address beyond its prefix');
    return opening(value, pod, 1024 + i, pick(ports)?.port ?? 80);
  });
}

/**
 * Loads sets into the kernel, each into empty maps; then the cost of a packet to a pod by the entries of the tables,
 * as BPF_PROG_TEST_RUN has it: the mean over packets that pass, of which each is given to the program many times.
 * `new`: each packet starts a connection, and is evaluated against the tables; `known`: it belongs to one.
 */
async function measure(report: BenchReporter, { quick }: { quick: boolean }): Promise<void> {
  const { programs } = await openBenchKernelContext();
  const loader = new RuleLoader(programs.ruleMaps, { slots: programs.maxSlots });
  for (const [rules, cidrs, count] of [
    [1000, 2000, 100],
    [1000, 2000, 250],
  ] as const) {
    const pods = generatePolicyEndpoints(count);
    const set = generateRuleSet(rules, cidrs, count);
    const { tables } = compileRules(set, pods);
    const numbers = new Map(pods.map(({ id }, index) => [id, index + 1]));
    const times: number[] = [];
    let entries = 0;
    for (let round = quick ? -1 : -2; round < (quick ? 3 : 10); round += 1) {
      const request = { tables, defaults: set.defaults };
      const { milliseconds, written } = await loader.load('active', request, (id) => numbers.get(id));
      await loader.load('active', null, () => undefined);
      entries = written;
      if (round >= 0) times.push(milliseconds);
    }
    const about = { bench: 'acl', rules, cidrs, pods: count, entries };
    report({ ...about, metric: 'load_ms', unit: 'ms', ...summarizeRuns(times) });
  }
  await loader.close();

  const words = `link add d0 index ${slotToPrimaryIfindex(0)} type veth peer name p0`;
  execFileSync('ip', words.split(' '));
  programs.setSlot(0, { owner: 1, hooks: 'primary', redirect: false, macs: null, check: false });
  const program = programs.programFd('tcx/egress');
  const runs = new ProgramTestRun();
  const run = (frame: Buffer, repeat: number) => runs.run(program, slotToPrimaryIfindex(0), frame, repeat, 1);
  for (const wanted of [0, 10, 1000, 10_000]) {
    const { set, tables } = setOf(wanted || 1);
    for (const connections of ['new', 'known'] as const) {
      const timeouts = connections === 'new' ? noTracking : defaultConntrackTimeouts;
      const loader = new RuleLoader(programs.ruleMaps, { slots: programs.maxSlots, timeouts });
      if (wanted > 0) await loader.load('active', { tables, defaults: set.defaults }, () => 1);
      const passing = packetsFor(tables, 400).filter((frame) => run(frame, 1).verdict !== drop);
      const some = passing.slice(0, 50);
      if (some.length < 10) throw new Error(`${some.length} packets pass ${wanted} entries`);
      const means: number[] = [];
      for (let round = 0; round < (quick ? 3 : 9); round += 1)
        means.push(some.reduce((sum, frame) => sum + run(frame, quick ? 1000 : 5000).ns, 0) / some.length);
      const entries = wanted === 0 ? 0 : countPolicyTableElements(tables);
      report({
        bench: 'acl',
        entries,
        connections,
        metric: 'ns_per_packet',
        unit: 'ns',
        ...summarizeRuns(means),
      });
      await loader.load('active', null, () => undefined);
      await loader.close();
      if (wanted === 0) break;
    }
  }
}

await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  { quick: process.argv[2] === 'quick' },
);
process.exit(0);
