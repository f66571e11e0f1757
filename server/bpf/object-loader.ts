import { ProblemError } from '../../contract/problem.ts';
import * as libbpf from '../ffi/libbpf.ts';
import { addressOf, errno, strerror, viewOf } from '../ffi/libc.ts';
import { checkResult, BpfError, callAsync } from './syscall.ts';
import type { MapInfo } from './array-map.ts';
import { verifierError } from './verifier-log.ts';

export interface MapOptions {
  maxEntries?: number;
  /** A map to use instead of a new one; the caller keeps and closes its descriptor. */
  reuse?: number;
}

export interface LoadOptions {
  /** As errors name it; also the prefix of its data sections' map names. */
  name: string;
  image: Buffer;
  maps?: Record<string, MapOptions>;
  /** Writes .rodata, which the verifier then takes for constants. */
  rodata?: (bytes: Buffer) => void;
  /** The one program to load, as one of traffic control, whatever its section; by default all are. */
  program?: string;
}

/** Descriptors belong to the object: `close` ends them; what is pinned or attached stays. */
export interface LoadedObject {
  programs: ReadonlyMap<string, number>;
  maps: ReadonlyMap<string, number>;
  close(): void;
}

/** What an object says of itself, before anything is loaded. */
export interface ObjectDescription {
  /** `type` is enum bpf_prog_type, 0 for a section that libbpf does not know. */
  programs: { name: string; section: string; type: number }[];
  /** Data sections are among them; `maxEntries` 0 where the loader is to say. */
  maps: (Pick<MapInfo, 'name' | 'type' | 'keyBytes' | 'valueBytes' | 'maxEntries' | 'flags'> & {
    /** Of the value's .rodata and the like: made by libbpf, not declared. */
    data: boolean;
  })[];
}

/** BPF_PROG_TYPE_SCHED_CLS (linux/bpf.h): what tcx, netkit and clsact run. */
export const schedClsProgramType = 3;

const logBytes = 1 << 20;

/** struct bpf_object_open_opts (bpf/libbpf.h): size at 0, object_name at 8; 80 bytes. */
function openOptions(name: Buffer): Buffer {
  const options = Buffer.alloc(80);
  options.writeBigUInt64LE(80n, 0);
  options.writeBigUInt64LE(addressOf(name), 8);
  return options;
}

function* members(
  next: (object: libbpf.Pointer, previous: libbpf.Pointer) => libbpf.Pointer,
  object: libbpf.Pointer,
): Generator<bigint> {
  for (let member = next(object, null); member; member = next(object, member)) yield member;
}

/** The first program's refusal: the kernel writes a log only for the program that it refuses. */
function refusal(name: string, error: number, logs: ReadonlyMap<string, Buffer>): ProblemError {
  for (const [program, log] of logs) {
    const end = log.indexOf(0);
    if (end > 0) return verifierError(name, program, log.toString('utf8', 0, end), error);
  }
  return new BpfError(`load ${name}`, error);
}

/** enum libbpf_errno (bpf/libbpf.h). */
const libbpfErrors: Record<number, string> = {
  4000: 'not an ELF file that libelf can read',
  4001: 'not a BPF object',
  4003: 'of the other byte order',
  4005: 'a reference in it leads nowhere',
};

/** @throws ProblemError `bad_object` when it is no BPF object that libbpf can read */
function openObject(name: string, image: Buffer): bigint {
  const cName = Buffer.from(`${name}\0`);
  const object = libbpf.bpf_object__open_mem(image, image.length, openOptions(cName));
  if (object) return object;
  const number = errno();
  const why = libbpfErrors[number] ?? strerror(number);
  throw new ProblemError('bad_object', `open ${name} as a BPF object: ${why}`, {
    hint: 'It must be an ELF file made by clang -target bpf, with maps and types as libbpf 1 takes them.',
  });
}

/** Reads an object without loading it. @throws ProblemError `bad_object` */
export function describeObject(name: string, image: Buffer): ObjectDescription {
  const object = openObject(name, image);
  try {
    return {
      programs: Array.from(members(libbpf.bpf_object__next_program, object), (program) => ({
        name: libbpf.bpf_program__name(program),
        section: libbpf.bpf_program__section_name(program),
        type: libbpf.bpf_program__type(program),
      })),
      maps: Array.from(members(libbpf.bpf_object__next_map, object), (map) => {
        const mapName = libbpf.bpf_map__name(map);
        return {
          name: mapName,
          type: libbpf.bpf_map__type(map),
          keyBytes: libbpf.bpf_map__key_size(map),
          valueBytes: libbpf.bpf_map__value_size(map),
          maxEntries: libbpf.bpf_map__max_entries(map),
          flags: libbpf.bpf_map__map_flags(map),
          data: mapName.includes('.'),
        };
      }),
    };
  } finally {
    libbpf.bpf_object__close(object);
  }
}

/**
 * Loads a compiled object, off the event loop.
 * @throws ProblemError `bad_object`, `verifier_refused` with the verifier's own words, else `kernel_refused`
 */
export async function loadObject(request: LoadOptions): Promise<LoadedObject> {
  const { name, image } = request;
  const object = openObject(name, image);
  try {
    const logs = new Map<string, Buffer>();
    for (const program of members(libbpf.bpf_object__next_program, object)) {
      if (request.program !== undefined && !chosen(request.program, program)) continue;
      const log = Buffer.alloc(logBytes);
      logs.set(libbpf.bpf_program__name(program), log);
      checkResult(`set the log of ${name}`, libbpf.bpf_program__set_log_buf(program, log, log.length));
    }
    for (const map of members(libbpf.bpf_object__next_map, object)) prepareMap(request, map);
    const answer = await callAsync(libbpf.bpf_object__load, object);
    if (answer < 0) throw refusal(name, -answer, logs);
    return {
      programs: new Map(
        Array.from(members(libbpf.bpf_object__next_program, object), (program) => [
          libbpf.bpf_program__name(program),
          libbpf.bpf_program__fd(program),
        ]),
      ),
      maps: new Map(
        Array.from(members(libbpf.bpf_object__next_map, object), (map) => [
          libbpf.bpf_map__name(map),
          libbpf.bpf_map__fd(map),
        ]),
      ),
      close: () => libbpf.bpf_object__close(object),
    };
  } catch (error) {
    libbpf.bpf_object__close(object);
    throw error;
  }
}

/** Has the chosen program loaded for traffic control, and the others left out. */
function chosen(name: string, program: bigint): boolean {
  const is = libbpf.bpf_program__name(program) === name;
  if (is) checkResult(`set the type of ${name}`, libbpf.bpf_program__set_type(program, schedClsProgramType));
  else checkResult(`leave out a program beside ${name}`, libbpf.bpf_program__set_autoload(program, false));
  return is;
}

function prepareMap(request: LoadOptions, map: bigint): void {
  const mapName = libbpf.bpf_map__name(map);
  const tried = `${request.name}: prepare map ${mapName}`;
  const wanted = request.maps?.[mapName];
  // Where maps are pinned is for the caller to say: a foreign object could else have itself given anybody's.
  checkResult(tried, libbpf.bpf_map__set_pin_path(map, null));
  if (wanted?.maxEntries !== undefined)
    checkResult(tried, libbpf.bpf_map__set_max_entries(map, wanted.maxEntries));
  if (wanted?.reuse !== undefined) checkResult(tried, libbpf.bpf_map__reuse_fd(map, wanted.reuse));
  if (request.rodata && mapName.endsWith('.rodata')) {
    const length = Buffer.alloc(8);
    const content = libbpf.bpf_map__initial_value(map, length);
    if (!content) throw new BpfError(tried, errno());
    request.rodata(Buffer.from(viewOf(content, Number(length.readBigUInt64LE(0)))));
  }
}
