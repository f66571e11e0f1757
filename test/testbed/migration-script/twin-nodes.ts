import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HookFamily } from '../../../contract/device.ts';
import type { MigrationPlan } from '../../../contract/migration.ts';
import type { Pod } from '../../../contract/pod.ts';
import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../../server/bpf/datapath-structs.ts';
import { exampleObject } from '../builds.ts';
import { startTestNode, type TestNode } from '../node.ts';
import type { BpfState, WorkerCall } from './bpf-worker.ts';
import type { ScriptCase } from './cases.ts';

const hooksOf: Record<HookFamily, Record<'egress' | 'ingress', string>> = {
  netkit: { egress: 'netkit/peer', ingress: 'netkit/primary' },
  tcx: { egress: 'tcx/ingress', ingress: 'tcx/egress' },
  tc: { egress: 'tc/ingress', ingress: 'tc/egress' },
};

/** A node with the pods of all cases, and a process in its host namespace. */
interface Twin extends AsyncDisposable {
  node: TestNode;
  pods: Pod[];
  call<T>(call: WorkerCall): Promise<T>;
}

/** A planned case: the slot of the pod's new device, and the script of the plan. */
interface PlannedCase {
  slot: number;
  script: string;
}

/**
 * Two nodes with equal pods on equal slots. One migrates them; the other's agent is killed after it made the plans, and
 * their scripts run in its place.
 */
export class TwinNodes implements AsyncDisposable {
  readonly #cases: readonly ScriptCase[];
  readonly #migrating: Twin;
  readonly #scripted: Twin;
  readonly #plans: readonly PlannedCase[];
  readonly #folder: string;

  private constructor(
    cases: readonly ScriptCase[],
    nodes: { migrating: Twin; scripted: Twin },
    plans: readonly PlannedCase[],
    folder: string,
  ) {
    this.#cases = cases;
    this.#migrating = nodes.migrating;
    this.#scripted = nodes.scripted;
    this.#plans = plans;
    this.#folder = folder;
  }

  /** @param flags of both agents */
  static async open(cases: readonly ScriptCase[], flags: string[] = []): Promise<TwinNodes> {
    // Loads the module nf_conntrack: an agent that runs loads its programs anew for it later, a killed one does not.
    execFileSync('conntrack', ['--dump'], { stdio: 'ignore' });
    const migrating = await twinOf(cases, flags);
    const scripted = await twinOf(cases, flags);
    const plans = await planAll(scripted.node, cases);
    await scripted.node.killAgent();
    const folder = mkdtempSync(join(tmpdir(), 'podlane-script-'));
    // The command as a package's installation puts it on the path.
    const command = join(folder, 'podlane');
    const main = new URL('../../../cli/podlane.js', import.meta.url).pathname;
    writeFileSync(command, `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`);
    chmodSync(command, 0o755);
    return new TwinNodes(cases, { migrating, scripted }, plans, folder);
  }

  script(index: number): string {
    return at(this.#plans, index).script;
  }

  /** Migrates a case's pod on one node and runs its script on the other. @returns the state of both, before and after */
  async run(index: number): Promise<Record<'before' | 'after', { migrated: unknown; scripted: unknown }>> {
    const before = await this.#states(index);
    const { to } = at(this.#cases, index);
    const { kind } = at(this.#migrating.pods, index);
    const migration = await this.#migrating.node.migrate(`shop.${podName(index)}`, to, kind === to);
    if (migration.state !== 'done') throw new Error(`the migration is ${JSON.stringify(migration.error)}`);
    this.#runScript(at(this.#plans, index).script);
    return { before, after: await this.#states(index) };
  }

  #runScript(script: string): void {
    const file = join(this.#folder, 'script.sh');
    writeFileSync(file, script);
    execFileSync('sh', ['-n', file]);
    execFileSync('nsenter', [`--net=${this.#scripted.node.host}`, 'sh', file], {
      env: { ...process.env, PATH: `${this.#folder}:${process.env.PATH}` },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async #states(index: number): Promise<{ migrated: unknown; scripted: unknown }> {
    const state = (twin: Twin) => stateOf(twin, at(twin.pods, index), at(this.#plans, index).slot);
    return { migrated: await state(this.#migrating), scripted: await state(this.#scripted) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#migrating[Symbol.asyncDispose]();
    await this.#scripted[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const podName = (index: number): string => `p${index}`;

function at<T>(values: readonly T[], index: number): T {
  const value = values[index];
  if (value === undefined) throw new RangeError(`no case ${index}`);
  return value;
}

/** A node with a pod for each case, and what was added to the pods since. */
async function twinOf(cases: readonly ScriptCase[], flags: string[]): Promise<Twin> {
  const node = await startTestNode(flags);
  const worker = await startWorker(node.host);
  const twin: Twin = {
    node,
    pods: [],
    call: (call) => callWorker(worker, call),
    async [Symbol.asyncDispose]() {
      worker.kill('SIGKILL');
      await node[Symbol.asyncDispose]();
    },
  };
  try {
    // One of the nodes has no agent later: nobody may act on pods meanwhile.
    await node.ask('PUT', '/node/guard', { on: false });
    for (const [index, each] of cases.entries()) twin.pods.push(await addPod(twin, each, index));
  } catch (error) {
    await twin[Symbol.asyncDispose]();
    throw error;
  }
  return twin;
}

async function addPod({ node, call }: Twin, each: ScriptCase, index: number): Promise<Pod> {
  const name = podName(index);
  let pod = await node.addPod(name, each.pod.addresses, each.pod);
  if (each.programsOnPrimary) pod = await node.ask<Pod>('PUT', `/pods/shop.${name}/hooks`, { to: 'primary' });
  for (const command of each.podCommands) node.run(['ip', ...command], pod.netns.path);
  for (const command of each.hostCommands)
    node.run(['ip', ...command.map((word) => (word === 'PRIMARY' ? pod.primary.name : word))]);
  const hooks = hooksOf[pod.hooks];
  const programs = each.foreign.map(({ direction, ...more }) => ({
    ...more,
    hook: hooks[direction],
    ifindex: pod.primary.ifindex,
  }));
  await call({ call: 'attach', programs });
  for (const { direction, place } of each.users)
    await node.ask('POST', `/pods/shop.${name}/programs`, {
      object: readFileSync(exampleObject).toString('base64'),
      section: 'count_ports',
      hook: hooks[direction],
      place,
    });
  return pod;
}

/**
 * Makes all plans, each with a slot of its own: a pod that comes and goes takes the slot that the plan named, as the
 * migration does on the other node.
 */
async function planAll(node: TestNode, cases: readonly ScriptCase[]): Promise<PlannedCase[]> {
  const netns = node.addNamespace('passing');
  const plans: PlannedCase[] = [];
  for (const [index, { to, pod }] of cases.entries()) {
    const plan = await node.ask<MigrationPlan>('POST', `/pods/shop.${podName(index)}/migrations`, {
      to,
      dryRun: true,
      recreate: pod.kind === to,
    });
    if (!plan.allowed) throw new Error(`case ${index} is refused: ${JSON.stringify(plan.checks)}`);
    plans.push({ slot: plan.to.slot, script: plan.script });
    await node.ask('POST', '/pods', {
      namespace: 'shop',
      name: 'passing',
      netns,
      addresses: ['10.41.0.1/32'],
      kind: 'veth',
    });
    await node.ask('DELETE', '/pods/shop.passing');
  }
  return plans;
}

/** An object as `ip -j` prints it. */
interface IpObject {
  [field: string]: unknown;
  linkinfo?: { info_kind?: string };
}

/** What iproute2, bpftool and the kernel's maps tell of a pod's devices; ids of this boot are left out. */
async function stateOf({ node, call }: Twin, pod: Pod, newSlot: number): Promise<unknown> {
  const slots = [pod.slot, newSlot];
  const json = (words: string[], netns?: string): IpObject[] =>
    JSON.parse(node.run(['ip', '-d', '-j', ...words], netns) || '[]');
  const indexes = new Set(slots.flatMap((slot) => [slotToPrimaryIfindex(slot), slotToPeerIfindex(slot)]));
  // The kernel numbers namespaces as they come.
  const ours = ({ link_netnsid: _, ...link }: IpObject): IpObject[] =>
    indexes.has(Number(link.ifindex)) ? [link] : [];
  const network = (netns?: string) => {
    const links = json(['link'], netns).flatMap(ours);
    const names = new Set(links.map(({ ifname }) => String(ifname)));
    const onOurs = ({ dev }: IpObject) => names.has(String(dev));
    return {
      links,
      addresses: json(['address'], netns).flatMap(ours),
      routes: ['-4', '-6'].flatMap((family) =>
        json([family, 'route', 'show', 'table', 'all'], netns).filter(onOurs),
      ),
      // The others come and go with traffic. The kernel lists them by hash.
      neighbors: json(['neigh', 'show', 'nud', 'permanent'], netns)
        .filter(onOurs)
        .toSorted((a, b) => String(a.dst).localeCompare(String(b.dst))),
      rules: node.run(['ip', 'rule'], netns),
      sysctls: [...names].map((name) => sysctls(node, name, netns)),
    };
  };
  const host = network();
  const devices = host.links.map(({ ifname, ifindex, linkinfo }) => ({
    name: String(ifname),
    ifindex: Number(ifindex),
    hooks: Object.entries(hooksOf).flatMap(([family, { egress, ingress }]) =>
      family === 'netkit' && linkinfo?.info_kind !== 'netkit' ? [] : [egress, ingress],
    ),
  }));
  const bpf = await call<BpfState>({ call: 'read', pins: node.pins, devices, slots });
  return {
    host,
    pod: network(pod.netns.path),
    hooks: bpf.hooks,
    bpftool: bpftoolNet(
      node,
      devices.map(({ name }) => name),
    ),
    slots: bpf.slots,
    endpoints: Object.fromEntries(
      pod.network.addresses.map((address): [string, unknown] => {
        const [bare = ''] = address.split('/');
        return [bare, bpf.endpoints[bare]];
      }),
    ),
    pins: bpf.pins.filter(
      (path) => !/^(links|users\/[^/]+)\/\d+-/.test(path) || slots.some((slot) => path.includes(`/${slot}-`)),
    ),
  };
}

/** Sysctls of an interface, of both families and of its neighbor tables. */
const sysctls = (node: TestNode, name: string, netns?: string): string =>
  node.run(
    [
      'sh',
      '-c',
      'for family in ipv4 ipv6; do for tree in conf neigh; do cd "/proc/sys/net/$family/$tree/$0" 2>/dev/null || continue; for key in *; do echo "$family $tree $key $(cat "$key" 2>/dev/null)"; done; done; done',
      name,
    ],
    netns,
  );

/** What `bpftool net` shows on devices: the hook and the program's name. Versions before 7.3 know filters of clsact only. */
function bpftoolNet(node: TestNode, devices: readonly string[]): string[] {
  const [shown] = JSON.parse(node.run(['bpftool', '-j', 'net', 'show'])) as {
    tc: { devname: string; kind: string; id?: number; prog_id?: number }[];
  }[];
  const name = (id: number | undefined): string =>
    (JSON.parse(node.run(['bpftool', '-j', 'prog', 'show', 'id', String(id)])) as { name: string }).name;
  return (shown?.tc ?? [])
    .filter(({ devname }) => devices.includes(devname))
    .map(({ devname, kind, id, prog_id }) => `${devname} ${kind} ${name(id ?? prog_id)}`);
}

function startWorker(host: string): Promise<ChildProcess> {
  const file = new URL('./bpf-worker.ts', import.meta.url).pathname;
  const worker = spawn('nsenter', [`--net=${host}`, process.execPath, file], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return answerOf<string>(worker).then(() => worker);
}

function callWorker<T>(worker: ChildProcess, call: WorkerCall): Promise<T> {
  worker.send(call);
  return answerOf<T>(worker);
}

function answerOf<T>(worker: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (message: { result: T; error?: string }): void => {
      worker.off('exit', end);
      if (message.error === undefined) resolve(message.result);
      else reject(new Error(message.error));
    };
    const end = (code: number | null): void => {
      worker.off('message', settle);
      reject(new Error(`the worker exited with ${code}`));
    };
    worker.once('message', settle);
    worker.once('exit', end);
  });
}
