import { ProblemError } from '../../contract/problem.ts';
import { openedDescriptor } from '../ffi/descriptors.ts';
import * as libbpf from '../ffi/libbpf.ts';
import { addressOf, errno, strerror, viewOf } from '../ffi/libc.ts';
import { BpfError, checkResult } from './error.ts';
import type { MapInfo } from './map-info.ts';
import { callAsync } from './syscall.ts';
import { verifierError } from './verifier-log.ts';

export interface MapOptions {
  maxEntries?: number;
  /** descriptor of a map to use instead of a new one; it stays the caller's */
  reuse?: number;
}

export interface LoadOptions {
  /** names the object in errors, and prefixes the map names of its data sections */
  name: string;
  image: Buffer;
  maps?: Record<string, MapOptions>;
  /** Writes .rodata, whose values the verifier then treats as constants. */
  rodata?: (bytes: Buffer) => void;
  /** the only program to load, as a traffic control program whatever its section; default all */
  program?: string;
}

/** A loaded object. It owns its descriptors: `close` closes them; pinned and attached objects stay in the kernel. */
export interface LoadedObject {
  programs: ReadonlyMap<string, number>;
  maps: ReadonlyMap<string, number>;
  close(): void;
}

/** The programs and maps that an object declares, read before anything is loaded. */
export interface ObjectDescription {
  /** `type` is enum bpf_prog_type, 0 for a section that libbpf does not know. */
  programs: { name: string; section: string; type: number }[];
  /** includes data sections; `maxEntries` is 0 when the loader has to set it */
  maps: (Pick<MapInfo, 'name' | 'type' | 'keyBytes' | 'valueBytes' | 'maxEntries' | 'flags'> & {
    /** true for a data section such as .rodata, which libbpf loads as a map */
    data: boolean;
  })[];
}

/** BPF_PROG_TYPE_SCHED_CLS, <linux/bpf.h>: the type of programs on tcx, netkit and clsact hooks. */
export const schedClsProgramType = 3;

const logBytes = 1 << 20;

/** Encodes struct bpf_object_open_opts, <bpf/libbpf.h>: size at 0, object_name at 8; 80 bytes. */
function openOptions(name: Buffer): Buffer {
  const options = Buffer.alloc(80);
  options.writeBigUInt64LE(80n, 0);
  options.writeBigUInt64LE(addressOf(name), 8);
  return options;
}

/** Iterates over the programs or maps of an object. */
function* members(
  next: (object: libbpf.Pointer, previous: libbpf.Pointer) => libbpf.Pointer,
  object: libbpf.Pointer,
): Generator<bigint> {
  for (let member = next(object, null); member; member = next(object, member)) yield member;
}

/** Builds the error of a refused load: the kernel writes a log only for the program that it refuses. */
function loadError(name: string, error: number, logs: ReadonlyMap<string, Buffer>): ProblemError {
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
  4003: 'its byte order is not this machine’s',
  4005: 'it has an unresolvable relocation',
};

/** Opens an object without loading it. @throws ProblemError `bad_object` when libbpf cannot read it */
function openObject(name: string, image: Buffer): bigint {
  const cName = Buffer.from(`${name}\0`);
  const object = libbpf.bpf_object__open_mem(image, image.length, openOptions(cName));
  if (object) return object;
  const number = errno();
  const why = libbpfErrors[number] ?? strerror(number);
  throw new ProblemError('bad_object', `open ${name} as a BPF object: ${why}`, {
    hint: 'It must be an ELF file made by clang -target bpf, with maps and types in the format of libbpf 1.',
  });
}

/** Lists the programs and maps of an object without loading it. @throws ProblemError `bad_object` */
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
 * @throws ProblemError `bad_object`, `verifier_refused` with the verifier's message, else `kernel_refused`
 */
export async function loadObject(request: LoadOptions): Promise<LoadedObject> {
  const { name, image } = request;
  const object = openObject(name, image);
  try {
    const logs = new Map<string, Buffer>();
    for (const program of members(libbpf.bpf_object__next_program, object)) {
      if (request.program !== undefined && !selectProgram(request.program, program)) continue;
      const log = Buffer.alloc(logBytes);
      logs.set(libbpf.bpf_program__name(program), log);
      checkResult(`set the log of ${name}`, libbpf.bpf_program__set_log_buf(program, log, log.length));
    }
    for (const map of members(libbpf.bpf_object__next_map, object)) prepareMap(request, map);
    const result = await callAsync(libbpf.bpf_object__load, object);
    if (result < 0) throw loadError(name, -result, logs);
    return {
      programs: new Map(
        Array.from(members(libbpf.bpf_object__next_program, object), (program) => {
          const programName = libbpf.bpf_program__name(program);
          const fd = libbpf.bpf_program__fd(program);
          return [programName, openedDescriptor(fd, `program ${programName} of ${name}`)];
        }),
      ),
      maps: new Map(
        Array.from(members(libbpf.bpf_object__next_map, object), (map) => {
          const mapName = libbpf.bpf_map__name(map);
          return [mapName, openedDescriptor(libbpf.bpf_map__fd(map), `map ${mapName} of ${name}`)];
        }),
      ),
      close: () => libbpf.bpf_object__close(object),
    };
  } catch (error) {
    libbpf.bpf_object__close(object);
    throw error;
  }
}

/** Selects the named program to be loaded for traffic control, and excludes any other. @returns true if selected */
function selectProgram(name: string, program: bigint): boolean {
  const selected = libbpf.bpf_program__name(program) === name;
  if (selected)
    checkResult(`set the type of ${name}`, libbpf.bpf_program__set_type(program, schedClsProgramType));
  else checkResult(`exclude a program beside ${name}`, libbpf.bpf_program__set_autoload(program, false));
  return selected;
}

function prepareMap(request: LoadOptions, map: bigint): void {
  const mapName = libbpf.bpf_map__name(map);
  const operation = `${request.name}: prepare map ${mapName}`;
  const wanted = request.maps?.[mapName];
  // Only the caller decides where maps are pinned: otherwise a foreign object could open anybody's pinned map.
  checkResult(operation, libbpf.bpf_map__set_pin_path(map, null));
  if (wanted?.maxEntries !== undefined)
    checkResult(operation, libbpf.bpf_map__set_max_entries(map, wanted.maxEntries));
  if (wanted?.reuse !== undefined) checkResult(operation, libbpf.bpf_map__reuse_fd(map, wanted.reuse));
  if (request.rodata && mapName.endsWith('.rodata')) {
    const length = Buffer.alloc(8);
    const content = libbpf.bpf_map__initial_value(map, length);
    if (!content) throw new BpfError(operation, errno());
    request.rodata(Buffer.from(viewOf(content, Number(length.readBigUInt64LE(0)))));
  }
}
