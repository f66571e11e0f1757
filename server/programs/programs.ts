import { ProblemError } from '../../contract/problem.ts';
import {
  type BpfLink,
  type BpfProgram,
  maxListedProgramAttachments,
  type ProgramInstructions,
  type ProgramList,
  type RunStatisticsState,
} from '../../contract/program.ts';
import { requireValue } from '../../contract/require-value.ts';
import { setSafeInterval } from '../async/safe-timers.ts';
import {
  listBpfObjectIds,
  parseMemlockSize,
  readBpfFdinfo,
  withBpfObjectById,
} from '../bpf/bpf-object-info.ts';
import { programTypeName } from '../bpf/bpf-type-names.ts';
import { Btf } from '../bpf/btf.ts';
import { readLoadedBtf } from '../bpf/loaded-btf.ts';
import { type BpfProgramInfo, readBpfProgramInfoById } from '../bpf/program-info.ts';
import { readXlatedProgram } from '../bpf/xlated-program.ts';
import type { SettingStore } from '../store/store-interfaces.ts';
import type { BpfScanner, TimedNodeScan } from './bpf-scanner.ts';
import { explainNotAttached } from './not-attached-reason.ts';
import { type AgentBpfObjects, BpfObjectOwners } from './object-owners.ts';
import { ProgramRunRates } from './run-rates.ts';
import { RunStatisticsSwitch } from './run-statistics-switch.ts';

const rateMs = 1_000;
/** Time in ms that a list waits for a new scan, which takes longer on a node with a thousand pods. */
const listWaitMs = 100;
const shortNameBytes = 15;
const setting = { scope: 'node', name: 'programStatistics' } as const;

/** Part of the store with the setting that keeps run statistics always enabled. */
type ChoiceStore = Pick<SettingStore, 'setting' | 'saveSetting'>;

/** Properties of a BPF program that do not change while it is loaded. */
interface Fixed {
  tag: string;
  memoryBytes: number | null;
  fullName: string | null;
}

/** The node's BPF programs and links, including those that other software loaded. */
export class BpfPrograms {
  readonly #ours: AgentBpfObjects;
  readonly #scanner: BpfScanner;
  readonly #store: ChoiceStore;
  readonly #statistics: RunStatisticsSwitch;
  readonly #rates = new ProgramRunRates();
  readonly #fixed = new Map<number, Fixed>();
  readonly #timer: NodeJS.Timeout;

  private constructor(
    options: { ours: AgentBpfObjects; scanner: BpfScanner; store: ChoiceStore },
    always: boolean,
  ) {
    this.#ours = options.ours;
    this.#scanner = options.scanner;
    this.#store = options.store;
    this.#statistics = new RunStatisticsSwitch(always);
    this.#timer = setSafeInterval(() => this.#readRuns(), rateMs).unref();
  }

  static async open(options: {
    ours: AgentBpfObjects;
    scanner: BpfScanner;
    store: ChoiceStore;
  }): Promise<BpfPrograms> {
    return new BpfPrograms(options, (await options.store.setting(setting.scope, setting.name)) === true);
  }

  /** Keeps the kernel's run statistics enabled for the next 30 s. */
  keepStatisticsOn(): void {
    this.#statistics.keepOn();
  }

  async chooseStatistics(always: boolean): Promise<RunStatisticsState> {
    await this.#store.saveSetting(setting.scope, setting.name, always);
    this.#statistics.choose(always);
    return this.#statistics.state();
  }

  /**
   * Lists all BPF programs, Podlane's first, and keeps run statistics enabled.
   * @throws ProblemError `kernel_refused`
   */
  async list(): Promise<ProgramList> {
    this.keepStatisticsOn();
    const scan = await this.#scanner.scan({ waitMs: listWaitMs });
    const owners = new BpfObjectOwners(this.#ours, scan);
    const items = listBpfObjectIds('program').flatMap(
      (id) => this.#describe(id, scan, owners, maxListedProgramAttachments) ?? [],
    );
    for (const id of this.#fixed.keys()) if (!items.some((item) => item.id === id)) this.#fixed.delete(id);
    return {
      items: items.sort((a, b) => Number(isOurs(b)) - Number(isOurs(a)) || a.id - b.id),
      statistics: this.#statistics.state(),
      time: new Date().toISOString(),
      unread: scan.unread,
    };
  }

  /** Returns a BPF program with all its attachments. @throws ProblemError `program_not_found`, `kernel_refused` */
  async get(id: number): Promise<BpfProgram> {
    this.keepStatisticsOn();
    const scan = await this.#scanner.scan({ exact: true });
    const program = this.#describe(id, scan, new BpfObjectOwners(this.#ours, scan), Number.POSITIVE_INFINITY);
    if (program === null)
      throw new ProblemError('program_not_found', `there is no program ${id}`, {
        hint: 'GET /api/v1/programs lists the programs.',
      });
    return program;
  }

  /** Disassembles a BPF program. @throws ProblemError `program_not_found`, `kernel_refused` */
  instructions(id: number): Promise<ProgramInstructions> {
    return this.#scanner.instructions(id);
  }

  async links(): Promise<BpfLink[]> {
    const scan = await this.#scanner.scan();
    const owners = new BpfObjectOwners(this.#ours, scan);
    return scan.links.map(({ link: { id, type, attachType, programId }, target, device }) => ({
      id,
      type,
      attachType,
      programId,
      programName: readBpfProgramInfoById(programId)?.name ?? '',
      target,
      device,
      ...owners.link(id),
    }));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#statistics.close();
  }

  #readRuns(): void {
    if (!this.#statistics.on) {
      this.#rates.forget();
      return;
    }
    this.#rates.read(
      listBpfObjectIds('program').flatMap((id) => readBpfProgramInfoById(id) ?? []),
      performance.now(),
    );
  }

  #describe(id: number, scan: TimedNodeScan, owners: BpfObjectOwners, most: number): BpfProgram | null {
    const info = readBpfProgramInfoById(id);
    if (info === null) return null;
    const type = programTypeName(info.type);
    const attachments = scan.attachments
      .filter(({ programId }) => programId === id)
      .map(({ programId: _, ...attachment }) => attachment);
    const counted = this.#statistics.on || info.runCount > 0;
    return {
      id,
      type,
      name: info.name,
      tag: info.tag,
      loadedAt: info.loadedAt.toISOString(),
      uid: info.uid,
      gpl: info.gpl,
      xlatedBytes: info.xlatedBytes,
      jitedBytes: info.jitedBytes,
      instructions: info.xlatedBytes / 8,
      verifiedInstructions: info.verifiedInstructions || null,
      runCount: counted ? info.runCount : null,
      runTimeNs: counted ? info.runTimeNs : null,
      recursionMisses: counted ? Number(info.misses) : null,
      rate: this.#rates.of(id),
      mapIds: info.mapIds,
      btfId: info.btfId || null,
      attachments: attachments.slice(0, most),
      attachmentCount: attachments.length,
      notAttached:
        attachments.length > 0 ? null : scan.added.program.has(id) ? justAdded : explainNotAttached(type),
      ...this.#fixedOf(info),
      ...owners.program(id),
    };
  }

  #fixedOf(info: BpfProgramInfo): Omit<Fixed, 'tag'> {
    const known = this.#fixed.get(info.id);
    const fixed = known?.tag === info.tag ? known : { tag: info.tag, ...readFixed(info) };
    this.#fixed.set(info.id, fixed);
    return { memoryBytes: fixed.memoryBytes, fullName: fixed.fullName };
  }
}

/** Reason why attachments are missing. */
const justAdded = 'unknown: it was added a moment ago, and where it is attached is being read';

const isOurs = ({ owner }: BpfProgram): boolean => owner.kind === 'podlane';

function readFixed(info: BpfProgramInfo): Omit<Fixed, 'tag'> {
  const read = withBpfObjectById('program', info.id, (fd) => ({
    memoryBytes: parseMemlockSize(readBpfFdinfo(fd)),
    fullName: info.btfId === 0 ? null : fullName(fd, info),
  }));
  return read ?? { memoryBytes: null, fullName: null };
}

/** Returns the full name of a BPF program from BTF, because the kernel truncates names to 15 characters. */
function fullName(fd: number, info: BpfProgramInfo): string | null {
  if (info.name.length < shortNameBytes) return info.name || null;
  const main = readXlatedProgram(fd).functions[0];
  const object = main === undefined ? null : readLoadedBtf(info.btfId);
  return object === null
    ? null
    : new Btf(object.bytes).type(requireValue(main, 'main function').typeId).name || null;
}
