import { setTimeout as sleep } from 'node:timers/promises';
import { listBpfObjectIds } from '../../bpf/bpf-object-info.ts';
import { programTypeName } from '../../bpf/bpf-type-names.ts';
import { type BpfLinkInfo, readBpfLinkInfoById } from '../../bpf/link-info.ts';
import { readBpfProgramInfoById } from '../../bpf/program-info.ts';
import { scanCgroupAttachments } from './cgroup-attachments.ts';
import { KeptReads } from './kept-reads.ts';
import { resolveBpfLinkTargets } from './link-targets.ts';
import { scanMapAttachments } from './map-attachments.ts';
import {
  type FoundNamespace,
  findScannedNamespaces,
  openScannedNamespace,
  scanNamespaceAttachments,
} from './namespace-attachments.ts';
import type { NodeScan, NodeScanRequest, ProgramAttachment } from './node-scan.ts';
import { PinnedObjects } from './pinned-objects.ts';
import { scanProcesses } from './process-descriptors.ts';

/** Milliseconds that a paced scan works before it pauses, and how many times as long the pause is. */
const sliceMs = 5;
const pauseFactor = 3;
/** Types of programs that are attached to a network namespace or its devices. */
const namespaceTypes = new Set(['sched_cls', 'xdp', 'flow_dissector', 'sk_lookup']);
const namespaceLinks = new Set(['tcx', 'netkit', 'xdp', 'netns']);

/**
 * Scans everything that a BPF program can be attached to. Runs in a worker thread because it blocks repeatedly. What it read
 * is kept for the next scan, which may use it.
 */
export class NodeScanner {
  readonly #links = new KeptReads<number, BpfLinkInfo>();
  readonly #attachments = new KeptReads<bigint, ProgramAttachment[]>();
  readonly #pins = new PinnedObjects();
  /** Types of the programs of the scan before, by id, and ids of its links. */
  #programs: ReadonlyMap<number, string> = new Map();
  #linkIds: ReadonlySet<number> = new Set();

  async scan({ namespaces: known, keptMs, paced }: NodeScanRequest): Promise<NodeScan> {
    const unread: string[] = [];
    this.#links.begin();
    this.#attachments.begin();
    const programs = this.#readPrograms();
    const types = new Set(programs.values());
    const links = this.#readLinks(programs, keptMs);
    const found = scanProcesses(unread);
    const namespaces = findScannedNamespaces(known, found.namespaces, unread);
    const scanAll = (mostMs: number) =>
      this.#scanNamespaces(namespaces, { links, types, mostMs, paced, unread });
    let inNamespaces = await scanAll(keptMs);
    if (this.#attachments.used > 0 && this.#hasUnplaced(programs, links, inNamespaces)) {
      this.#attachments.begin();
      inNamespaces = await scanAll(0);
    }
    const cgroups = scanCgroupAttachments(links, types, unread);
    const linkIds = new Set(links.map(({ id }) => id));
    const attachments = [
      ...found.perfEvents,
      ...inNamespaces.filter(
        ({ programId, linkId }) => programs.has(programId) && (linkId === null || linkIds.has(linkId)),
      ),
      ...cgroups.attachments,
      ...scanMapAttachments(types),
    ];
    const targets = resolveBpfLinkTargets(links, attachments, cgroups.paths, namespaces);
    attachments.push(...targets.attachments);
    this.#programs = programs;
    this.#linkIds = linkIds;
    this.#attachments.retain(new Set(namespaces.map(({ inode }) => inode)));
    this.#links.retain(linkIds);
    unread.push(...this.#describeKept());
    return {
      attachments,
      links: targets.links,
      pins: this.#pins.list(unread),
      holders: found.holders,
      unread,
    };
  }

  /** Returns the types of all programs by id. A program never changes its type, nor does another get its id. */
  #readPrograms(): Map<number, string> {
    return new Map(
      listBpfObjectIds('program').flatMap((id): [number, string][] => {
        const known = this.#programs.get(id) ?? readBpfProgramInfoById(id)?.type;
        if (known === undefined) return [];
        return [[id, typeof known === 'string' ? known : programTypeName(known)]];
      }),
    );
  }

  /** Reads the links; only new ones where no program is new that a known link may have been updated to. */
  #readLinks(programs: ReadonlyMap<number, string>, keptMs: number): BpfLinkInfo[] {
    const mostMs = [...programs.keys()].every((id) => this.#programs.has(id)) ? keptMs : 0;
    return listBpfObjectIds('link').flatMap((id) => {
      const kept = this.#links.get(id, mostMs);
      if (kept !== undefined) return kept;
      const read = readBpfLinkInfoById(id);
      return read === null ? [] : this.#links.set(id, read);
    });
  }

  async #scanNamespaces(
    namespaces: readonly FoundNamespace[],
    {
      links,
      types,
      mostMs,
      paced,
      unread,
    }: {
      links: readonly BpfLinkInfo[];
      types: ReadonlySet<string>;
      mostMs: number;
      paced: boolean;
      unread: string[];
    },
  ): Promise<ProgramAttachment[]> {
    const found: ProgramAttachment[] = [];
    let since = performance.now();
    for (const each of namespaces) {
      const kept = each.ref.host ? undefined : this.#attachments.get(each.inode, mostMs);
      if (kept !== undefined) {
        found.push(...kept);
        continue;
      }
      const namespace = openScannedNamespace(each);
      if (namespace === null) continue;
      try {
        found.push(
          ...this.#attachments.set(each.inode, await scanNamespaceAttachments(namespace, links, types)),
        );
      } catch (error) {
        unread.push(`network namespace ${each.path}: ${(error as Error).message}`);
      } finally {
        namespace.close();
      }
      const worked = performance.now() - since;
      if (!paced || worked < sliceMs) continue;
      await sleep(worked * pauseFactor);
      since = performance.now();
    }
    return found;
  }

  /** True if a program or link that is new since the scan before may be in a namespace whose attachments are older. */
  #hasUnplaced(
    programs: ReadonlyMap<number, string>,
    links: readonly BpfLinkInfo[],
    placed: readonly ProgramAttachment[],
  ): boolean {
    const placedPrograms = new Set(placed.map(({ programId }) => programId));
    const placedLinks = new Set(placed.map(({ linkId }) => linkId));
    return (
      [...programs].some(
        ([id, type]) => namespaceTypes.has(type) && !this.#programs.has(id) && !placedPrograms.has(id),
      ) ||
      links.some(({ id, type }) => namespaceLinks.has(type) && !this.#linkIds.has(id) && !placedLinks.has(id))
    );
  }

  #describeKept(): string[] {
    const kept = [
      ...(this.#attachments.used > 0
        ? [`what is attached in ${this.#attachments.used} network namespaces`]
        : []),
      ...(this.#links.used > 0 ? [`${this.#links.used} links`] : []),
    ];
    if (kept.length === 0) return [];
    const seconds = Math.ceil(Math.max(this.#attachments.oldestMs, this.#links.oldestMs) / 1000);
    return [`changes in the last ${seconds} s of ${kept.join(' and of ')}, which were read before`];
  }
}
