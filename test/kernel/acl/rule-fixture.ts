import { randomBytes } from 'node:crypto';
import type { Direction } from '../../../contract/direction.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import type { RuleSetName } from '../../../contract/rules.ts';
import { compileRules } from '../../../server/acl/compile/compile.ts';
import type { CompiledRules } from '../../../server/acl/compile/compiled-rules.ts';
import {
  type ConntrackTimeouts,
  defaultConntrackTimeouts,
} from '../../../server/acl/load/conntrack-timeouts.ts';
import type { ExistingConnection } from '../../../server/acl/load/existing-connections.ts';
import { RuleLoader as Loader, type RuleLoader } from '../../../server/acl/load/rule-loader.ts';
import type { SelectablePod } from '../../../server/acl/spec/pod-matching.ts';
import type { DatapathPrograms } from '../../../server/bpf/datapath.ts';
import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../../server/bpf/datapath-structs.ts';
import { openDatapath } from '../../../server/bpf/open-datapath.ts';
import { ProgramTestRun } from '../../../server/bpf/program-test-run.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { run, within } from '../bpf/namespaces.ts';
import { frame, type Packet } from './packets.ts';

export const drop = 2;

/** Connections expire at once, so that every packet is evaluated by the rules alone. */
export const noTracking: ConntrackTimeouts = Object.fromEntries(
  Object.keys(defaultConntrackTimeouts).map((kind) => [kind, { unreplied: 0, replied: 0, closing: 0 }]),
) as ConntrackTimeouts;

/** A namespace with a device for each pod and the real programs, which run on constructed packets. */
export class RuleFixture implements AsyncDisposable {
  readonly name = `podlane-t-${randomBytes(3).toString('hex')}`;
  readonly programs: DatapathPrograms;
  readonly loader: RuleLoader;
  readonly #runs = new ProgramTestRun();
  readonly #last: Partial<Record<RuleSetName, CompiledRules>> = {};

  private constructor(
    programs: DatapathPrograms,
    name: string,
    timeouts: ConntrackTimeouts,
    existing: readonly ExistingConnection[],
  ) {
    this.name = name;
    this.programs = programs;
    this.loader = new Loader(programs.ruleMaps, {
      slots: programs.maxSlots,
      timeouts,
      existingConnections: async () => existing,
    });
  }

  /**
   * @param pods number of pods: pod `i` has slot `i` and number `i + 1`
   * @param existing connections that exist before there are rules
   */
  static async open(
    pods: number,
    timeouts: ConntrackTimeouts = defaultConntrackTimeouts,
    existing: readonly ExistingConnection[] = [],
  ): Promise<RuleFixture> {
    const name = `podlane-t-${randomBytes(3).toString('hex')}`;
    run('ip', 'netns', 'add', name);
    const programs = await openDatapath({ pins: `/sys/fs/bpf/${name}`, maxSlots: 64 });
    for (let slot = 0; slot < pods; slot += 1) {
      const ends = [
        `link add d${slot} index ${slotToPrimaryIfindex(slot)}`,
        `name p${slot} index ${slotToPeerIfindex(slot)}`,
      ];
      run('ip', '-n', name, ...ends.join(' type veth peer ').split(' '));
      programs.setSlot(slot, {
        owner: slot + 1,
        hooks: 'primary',
        redirect: false,
        macs: null,
        check: false,
      });
    }
    return new RuleFixture(programs, name, timeouts, existing);
  }

  /** Compiles and loads rules; `pods[i]` is the pod of slot `i`. */
  async load(set: RuleSetName, rules: RuleSet | null, pods: readonly SelectablePod[]) {
    if (rules === null) {
      delete this.#last[set];
      return { compiled: null, loaded: await this.loader.load(set, null, () => undefined) };
    }
    const last = this.#last[set];
    const compiled = compileRules(rules, pods, last ? { previous: last } : {});
    this.#last[set] = compiled;
    const numbers = new Map(pods.map(({ id }, i) => [id, i + 1]));
    const request = { tables: compiled.tables, defaults: rules.defaults };
    const loaded = await this.loader.load(set, request, (id) => numbers.get(id));
    return { compiled, loaded };
  }

  /** Runs the programs on packets of slots, which have entered the node by a device unless `fromNode`. @returns the verdicts in the same order */
  evaluate(
    packets: readonly { slot: number; direction: Direction; packet: Packet; fromNode?: boolean }[],
  ): ('pass' | 'drop')[] {
    const of = {
      egress: this.programs.programFd('tcx/ingress'),
      ingress: this.programs.programFd('tcx/egress'),
    };
    return within(`/run/netns/${this.name}`, (fd) =>
      runInNetworkNamespace(fd, () =>
        packets.map(({ slot, direction, packet, fromNode = false }) => {
          const { verdict } = this.#runs.run(
            of[direction],
            slotToPrimaryIfindex(slot),
            frame(packet),
            1,
            fromNode ? 0 : 1,
          );
          return verdict === drop ? 'drop' : 'pass';
        }),
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.loader.close();
    await this.programs.destroy();
    run('ip', 'netns', 'delete', this.name);
  }
}
