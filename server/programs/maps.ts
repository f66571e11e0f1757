import { closeSync } from 'node:fs';
import type { BpfMap, BpfMapDetail, MapEntry, MapEntryPage, MapEntryQuery } from '../../contract/bpf-map.ts';
import { ProblemError } from '../../contract/problem.ts';
import { requireValue } from '../../contract/require-value.ts';
import {
  listBpfObjectIds,
  parseMemlockSize,
  readBpfFdinfo,
  withBpfObjectById,
} from '../bpf/bpf-object-info.ts';
import { listBpfMapFlagNames, mapTypeName } from '../bpf/bpf-type-names.ts';
import { BtfValueError, encodeBtfValue } from '../bpf/btf-encode.ts';
import {
  deleteBpfMapEntry,
  explainUnlistableMapType,
  isArrayMapType,
  isPerCpuMapType,
  writeBpfMapEntry,
} from '../bpf/map-access.ts';
import { openBpfMapById, readBpfMapInfo } from '../bpf/map-info.ts';
import { readBpfProgramInfoById } from '../bpf/program-info.ts';
import type { BpfScanner } from './bpf-scanner.ts';
import { formatTypeDeclarations, readBtfMapTypes } from './btf-map-types.ts';
import { explainNotEditable, findMapEditNote } from './map-editability.ts';
import {
  countMapEntries,
  type ReadableBpfMap,
  readBpfMapEntry,
  readBpfMapEntryPage,
  walkMapEntries,
} from './map-entry-pages.ts';
import { type AgentBpfObjects, BpfObjectOwners } from './object-owners.ts';

const mostCounted = 10_000;
const mostExported = 200_000;
/** Maximum number of characters of a map value in an event. */
const mostText = 240;

export interface BpfMapsOptions {
  ours: AgentBpfObjects;
  scanner: BpfScanner;
  /** Publishes an event about an edited map entry. */
  recordEdit: (message: string) => Promise<void>;
}

/** The node's BPF maps: lists them all, and reads and edits their entries by BTF type. */
export class BpfMaps {
  readonly #options: BpfMapsOptions;

  constructor(options: BpfMapsOptions) {
    this.#options = options;
  }

  /** Lists all BPF maps, Podlane's first, without counting their entries. @throws ProblemError `kernel_refused` */
  async list(): Promise<BpfMap[]> {
    const owners = new BpfObjectOwners(this.#options.ours, await this.#options.scanner.scan());
    const users = usersOfMaps();
    return listBpfObjectIds('map')
      .flatMap((id) => withBpfObjectById('map', id, (fd) => describe(fd, owners, users)) ?? [])
      .sort((a, b) => Number(isOurs(b)) - Number(isOurs(a)) || a.id - b.id);
  }

  /** Returns a BPF map with its types and number of entries. @throws ProblemError `map_not_found`, `kernel_refused` */
  async get(id: number): Promise<BpfMapDetail> {
    const owners = new BpfObjectOwners(this.#options.ours, await this.#options.scanner.scan());
    const found = withBpfObjectById('map', id, (fd): BpfMapDetail => {
      const map = describe(fd, owners, usersOfMaps());
      const info = readBpfMapInfo(fd);
      const counted = map.notListed === null ? countMapEntries({ fd, info }, mostCounted) : {};
      return { ...map, ...counted, ...formatTypeDeclarations(readBtfMapTypes(info)) };
    });
    if (found === null) throw gone(id);
    return found;
  }

  /** Returns true if a map is Podlane's; the entries of others' may hold secrets. @throws ProblemError `map_not_found` */
  async isOwn(id: number): Promise<boolean> {
    const owners = new BpfObjectOwners(this.#options.ours, await this.#options.scanner.scan());
    const found = withBpfObjectById('map', id, (fd) => isOurs(describe(fd, owners, usersOfMaps())));
    if (found === null) throw gone(id);
    return found;
  }

  /**
   * Reads a page of a map's entries.
   * @throws ProblemError `map_not_found`, `kernel_refused`, `unprocessable` if the map type has no entries to list
   */
  entries(id: number, query: MapEntryQuery): Promise<MapEntryPage> {
    return withMap(id, (map) => readBpfMapEntryPage(map, query));
  }

  /**
   * Yields the map as JSON text in pieces: `{"map": …, "entries": [ … ], "note": …}`, up to 200,000 entries. `note`
   * says if there are more. @throws ProblemError as `entries`, before the first piece
   */
  async *export(id: number): AsyncGenerator<string> {
    const detail = await this.get(id);
    const map = openMap(id);
    try {
      yield `{"map":${JSON.stringify(detail)},"entries":[`;
      let count = 0;
      let note: string | null = null;
      for await (const { entry } of walkMapEntries(map, null)) {
        if (entry === null) continue;
        if (count === mostExported) {
          note = `truncated after ${mostExported} entries`;
          break;
        }
        yield `${count === 0 ? '' : ',\n'}${JSON.stringify(entry)}`;
        count += 1;
      }
      yield `],"note":${JSON.stringify(note)}}\n`;
    } finally {
      closeSync(map.fd);
    }
  }

  /**
   * Writes an entry of an editable map, checked against the map's types.
   * @throws ProblemError `map_not_found`, `map_not_editable`, `bad_entry`, `kernel_refused`
   */
  async write(id: number, entry: { key: unknown; value: unknown }, actor: string): Promise<MapEntry> {
    const { name } = await this.#editable(id);
    return withMap(id, async (map) => {
      const { btf, key: keyType, value: valueType } = map.types;
      const key =
        keyType === 0
          ? arrayIndex(entry.key, map)
          : fitted('key', () => encodeBtfValue(requireValue(btf, 'BTF of the map'), keyType, entry.key));
      if (isArrayMapType(mapTypeName(map.info.type))) requireIndex(key.readUInt32LE(), map);
      const value = fitted('value', () =>
        encodeBtfValue(requireValue(btf, 'BTF of the map'), valueType, entry.value),
      );
      const before = readBpfMapEntry(map, key);
      writeBpfMapEntry(
        `write an entry of map ${name}`,
        map.fd,
        key,
        Buffer.concat([value], map.info.valueBytes),
      );
      const after = requireValue(readBpfMapEntry(map, key), 'entry just written');
      const change = before === null ? `is new: ${shown(after)}` : `from ${shown(before)} to ${shown(after)}`;
      await this.#options.recordEdit(`${actor} edited map ${name} (${id}): ${after.keyText} ${change}`);
      return after;
    });
  }

  /**
   * Deletes an entry of an editable map.
   * @throws ProblemError `map_not_found`, `map_not_editable`, `entry_not_found`, `bad_entry`, `kernel_refused`
   */
  async remove(id: number, keyHex: string, actor: string): Promise<void> {
    const { name, type } = await this.#editable(id);
    if (isArrayMapType(type))
      throw new ProblemError(
        'map_not_editable',
        `delete an entry of map ${name}: entries of an array cannot be deleted`,
        {
          hint: 'Write zeros instead.',
        },
      );
    await withMap(id, async (map) => {
      const key = Buffer.from(keyHex, 'hex');
      if (key.length !== map.info.keyBytes)
        throw new ProblemError(
          'bad_entry',
          `a key of map ${name} has ${map.info.keyBytes} bytes, not ${key.length}`,
        );
      const before = readBpfMapEntry(map, key);
      if (before === null || !deleteBpfMapEntry(`delete an entry of map ${name}`, map.fd, key))
        throw new ProblemError('entry_not_found', `map ${name} (${id}) has no entry ${keyHex}`);
      await this.#options.recordEdit(
        `${actor} deleted from map ${name} (${id}): ${before.keyText}, which was ${shown(before)}`,
      );
    });
  }

  async #editable(id: number): Promise<BpfMap> {
    const map = await this.get(id);
    if (map.notEditable !== null)
      throw new ProblemError('map_not_editable', `edit map ${map.name} (${id}): ${map.notEditable}`);
    return map;
  }
}

const isOurs = ({ owner }: BpfMap): boolean => owner.kind === 'podlane';

const gone = (id: number): ProblemError =>
  new ProblemError('map_not_found', `there is no map ${id}`, {
    hint: 'GET /api/v1/maps lists the maps.',
  });

/** Returns the ids of the programs that use a map, for each map id. */
function usersOfMaps(): Map<number, number[]> {
  const users = new Map<number, number[]>();
  for (const program of listBpfObjectIds('program'))
    for (const map of readBpfProgramInfoById(program)?.mapIds ?? [])
      users.set(map, [...(users.get(map) ?? []), program]);
  return users;
}

function describe(fd: number, owners: BpfObjectOwners, users: ReadonlyMap<number, number[]>): BpfMap {
  const info = readBpfMapInfo(fd);
  const fdinfo = readBpfFdinfo(fd);
  const type = mapTypeName(info.type);
  const programIds = users.get(info.id) ?? [];
  const map = {
    id: info.id,
    type,
    name: info.name,
    keyBytes: info.keyBytes,
    valueBytes: info.valueBytes,
    maxEntries: info.maxEntries,
    flags: info.flags,
    flagNames: listBpfMapFlagNames(info.flags),
    memoryBytes: parseMemlockSize(fdinfo),
    entries: isArrayMapType(type) ? info.maxEntries : null,
    entriesAtLeast: false,
    notListed: explainUnlistableMapType(type),
    frozen: fdinfo.frozen === undefined ? null : fdinfo.frozen === '1',
    btfId: info.btfId || null,
    ...owners.map(info.id, programIds),
    programIds,
    perCpu: isPerCpuMapType(type),
  };
  const notEditable = explainNotEditable(map);
  return { ...map, editNote: notEditable === null ? findMapEditNote(map) : null, notEditable };
}

function openMap(id: number): ReadableBpfMap {
  const fd = openBpfMapById(id);
  if (fd === null) throw gone(id);
  try {
    const info = readBpfMapInfo(fd);
    const why = explainUnlistableMapType(mapTypeName(info.type));
    if (why !== null)
      throw new ProblemError('unprocessable', `list the entries of map ${info.name} (${id}): ${why}`);
    return { fd, info, types: readBtfMapTypes(info) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

async function withMap<T>(id: number, use: (map: ReadableBpfMap) => Promise<T>): Promise<T> {
  const map = openMap(id);
  try {
    return await use(map);
  } finally {
    closeSync(map.fd);
  }
}

function fitted(part: 'key' | 'value', encode: () => Buffer): Buffer {
  try {
    return encode();
  } catch (error) {
    if (!(error instanceof BtfValueError)) throw error;
    throw new ProblemError('bad_entry', `${part}: ${error.message}`, {
      errors: [{ path: `body.${part}${error.path}`, message: error.message }],
    });
  }
}

/** Encodes the key of an array map that has no BTF key type, such as global data. */
function arrayIndex(key: unknown, map: ReadableBpfMap): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(requireIndex(key, map));
  return bytes;
}

/** Returns a key that is an index of an array map. @throws ProblemError `bad_entry` */
function requireIndex(key: unknown, { info }: ReadableBpfMap): number {
  if (typeof key === 'number' && Number.isInteger(key) && key >= 0 && key < info.maxEntries) return key;
  const message = `not an index from 0 to ${info.maxEntries - 1}`;
  throw new ProblemError('bad_entry', `key: ${message}`, { errors: [{ path: 'body.key', message }] });
}

const shown = ({ value, unread }: MapEntry): string => {
  const text = unread ?? JSON.stringify(value);
  return text.length > mostText ? `${text.slice(0, mostText)}…` : text;
};
