import { createHash } from 'node:crypto';
import { closeSync, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import { bpf_map_create, bpf_map_lookup_elem, bpf_map_update_elem } from '../ffi/libbpf.ts';
import { checkBpfResult, failedWithErrno } from './bpf-error.ts';
import { BpfHashMap } from './hash-map.ts';
import { readBpfMapInfo } from './map-info.ts';
import { ensurePinDirectory, openPinnedObject, pinBpfObject, replacePin } from './pin.ts';

const BPF_MAP_TYPE_HASH = 1;
const BPF_F_NO_PREALLOC = 1;
/** Size of a key in bytes: kind, number and chunk, each u32. */
const keyBytes = 12;
/** Size of a value in bytes. With the kernel's header of an element, 64 bytes, it fills 2 KiB. */
const valueBytes = 1984;
/** Offsets in a value: content length of this chunk, number of chunks, digest of the whole record, content. */
const offset = { length: 0, chunks: 4, digest: 8, content: 16 } as const;
const chunkBytes = valueBytes - offset.content;
/** Maximum number of chunks; the kernel allocates memory only for those that exist. */
const maxChunks = 65_536;
/** Number of attempts to add an element: the kernel refills its pool of elements (ENOMEM) from an interrupt. */
const attempts = 100;

/** A record as text, by its kind and number. */
export interface MapRecord {
  kind: number;
  number: number;
  text: string;
}

/**
 * Texts kept in a pinned BPF map, so that they live as long as the pinned programs and not as long as a file. Each is
 * compressed and split into chunks; a record of one chunk is replaced atomically, and a longer one that is half written is
 * not returned.
 */
export class RecordMap {
  readonly #path: string;
  readonly #map: BpfHashMap;

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#map = new BpfHashMap(fd, 'records');
  }

  /** Opens the map pinned at `path`, or creates and pins one. @throws BpfError */
  static open(path: string): RecordMap {
    ensurePinDirectory(dirname(path));
    const pinned = openPinnedObject(path);
    if (pinned !== null) {
      const info = readBpfMapInfo(pinned);
      if (info.keyBytes === keyBytes && info.valueBytes === valueBytes) return new RecordMap(path, pinned);
      closeSync(pinned);
    }
    // struct bpf_map_create_opts (bpf/bpf.h): sz 0, map_flags 28.
    const options = Buffer.alloc(48);
    options.writeBigUInt64LE(48n, 0);
    options.writeUInt32LE(BPF_F_NO_PREALLOC, 28);
    const fd = checkBpfResult(
      'create map records',
      bpf_map_create(BPF_MAP_TYPE_HASH, 'records', keyBytes, valueBytes, maxChunks, options),
    );
    replacePin(recordOpenedDescriptor(fd, 'map records'), path);
    return new RecordMap(path, fd);
  }

  /**
   * Pins the map again if others removed its pin or folder. Where the directory of all pins is missing too, the BPF file
   * system was unmounted: the map waits until that is mounted again. @throws BpfError
   */
  restorePin(): void {
    const folder = dirname(this.#path);
    if (existsSync(this.#path) || !existsSync(dirname(folder))) return;
    ensurePinDirectory(folder);
    pinBpfObject(this.#map.fd, this.#path);
  }

  /** Writes a record, or replaces it. @throws BpfError E2BIG if the map is full */
  write(kind: number, number: number, text: string): void {
    const content = deflateRawSync(text);
    const digest = digestOf(content);
    const chunks = Math.max(1, Math.ceil(content.length / chunkBytes));
    const before = this.#countChunks(kind, number);
    // The first chunk is written last: with it the record becomes the new one.
    for (let chunk = chunks - 1; chunk >= 0; chunk -= 1) {
      const part = content.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes);
      const value = Buffer.alloc(valueBytes);
      value.writeUInt32LE(part.length, offset.length);
      value.writeUInt32LE(chunks, offset.chunks);
      digest.copy(value, offset.digest);
      part.copy(value, offset.content);
      this.#set(keyOf(kind, number, chunk), value);
    }
    for (let chunk = chunks; chunk < before; chunk += 1) this.#map.delete(keyOf(kind, number, chunk));
  }

  /** Removes a record; does nothing if there is none. */
  remove(kind: number, number: number): void {
    const chunks = this.#countChunks(kind, number);
    for (let chunk = 0; chunk < chunks; chunk += 1) this.#map.delete(keyOf(kind, number, chunk));
  }

  /** Reads all complete records of a kind, by number. */
  list(kind: number): MapRecord[] {
    const parts = new Map<number, Map<number, Buffer>>();
    for (const [key, value] of this.#map.entries()) {
      if (key.readUInt32LE(0) !== kind) continue;
      const number = key.readUInt32LE(4);
      const chunks = parts.get(number) ?? new Map<number, Buffer>();
      parts.set(number, chunks.set(key.readUInt32LE(8), value));
    }
    return [...parts]
      .sort(([a], [b]) => a - b)
      .flatMap(([number, chunks]) => {
        const text = join(chunks);
        return text === null ? [] : { kind, number, text };
      });
  }

  close(): void {
    closeSync(this.#map.fd);
  }

  /** Returns the number of chunks of a record; 0 if there is none. */
  #countChunks(kind: number, number: number): number {
    const value = Buffer.alloc(valueBytes);
    const result = bpf_map_lookup_elem(this.#map.fd, keyOf(kind, number, 0), value);
    if (failedWithErrno(result, 'ENOENT')) return 0;
    checkBpfResult('read records', result);
    return value.readUInt32LE(offset.chunks);
  }

  #set(key: Buffer, value: Buffer): void {
    let result = 0;
    for (let i = 0; i < attempts; i += 1) {
      result = bpf_map_update_elem(this.#map.fd, key, value, 0);
      if (!failedWithErrno(result, 'ENOMEM')) break;
    }
    checkBpfResult('write records', result);
  }
}

function keyOf(kind: number, number: number, chunk: number): Buffer {
  const key = Buffer.alloc(keyBytes);
  key.writeUInt32LE(kind, 0);
  key.writeUInt32LE(number, 4);
  key.writeUInt32LE(chunk, 8);
  return key;
}

const digestOf = (content: Buffer): Buffer => createHash('sha256').update(content).digest().subarray(0, 8);

/** Joins the chunks of a record; null if one is missing or of another version. */
function join(chunks: ReadonlyMap<number, Buffer>): string | null {
  const first = chunks.get(0);
  if (first === undefined) return null;
  const digest = first.subarray(offset.digest, offset.digest + 8);
  const parts: Buffer[] = [];
  for (let chunk = 0; chunk < first.readUInt32LE(offset.chunks); chunk += 1) {
    const value = chunks.get(chunk);
    if (value === undefined) return null;
    parts.push(value.subarray(offset.content, offset.content + value.readUInt32LE(offset.length)));
  }
  const content = Buffer.concat(parts);
  return digestOf(content).equals(digest) ? inflateRawSync(content).toString('utf8') : null;
}
