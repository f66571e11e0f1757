import { ProblemError } from '../../contract/problem.ts';
import { recordOpenedDescriptor } from '../ffi/descriptor-tracking.ts';
import * as libbpf from '../ffi/libbpf.ts';
import { addressOf, errno, strerror, viewMemory } from '../ffi/libc.ts';
import { BpfError, checkBpfResult } from './bpf-error.ts';
import type { BpfMapInfo } from './map-info.ts';
import { callForeignAsync } from './syscall.ts';
import { createVerifierError } from './verifier-log.ts';

export interface BpfMapLoadOptions {
  maxEntries?: number;
  /** Descriptor of an existing map to use instead of a new one; it remains the caller's to close. */
  reuse?: number;
}

export interface BpfObjectLoadOptions {
  /** Name of the object in error messages, and prefix of the map names of its data sections. */
  name: string;
  image: Buffer;
  maps?: Record<string, BpfMapLoadOptions>;
  /** Sets the content of .rodata, which the verifier treats as constants. */
  rodata?: (bytes: Buffer) => void;
  /** Loads all programs with this type and attach type, whatever libbpf makes of their sections. */
  programType?: { type: number; attachType: number };
  /** Name of the only program to load, as a traffic control program regardless of its section; default all programs. */
  program?: string;
}

/** A loaded BPF object. `close` closes its descriptors; what is pinned or attached stays in the kernel. */
export interface LoadedBpfObject {
  programs: ReadonlyMap<string, number>;
  maps: ReadonlyMap<string, number>;
  close(): void;
}

/** Programs and maps that a BPF object file declares. */
export interface BpfObjectDescription {
  /** Programs in the object file; `type` is a value of enum bpf_prog_type, or 0 for a section unknown to libbpf. */
  programs: { name: string; section: string; type: number }[];
  /** Maps in the object file, including data sections; `maxEntries` is 0 if the loader has to set it. */
  maps: (Pick<BpfMapInfo, 'name' | 'type' | 'keyBytes' | 'valueBytes' | 'maxEntries' | 'flags'> & {
    /** True for a data section such as .rodata, which libbpf loads as a map. */
    data: boolean;
  })[];
}

/** BPF_PROG_TYPE_SCHED_CLS, <linux/bpf.h>: type of the programs on tcx, netkit and clsact hooks. */
export const schedClsProgramType = 3;

const logBytes = 1 << 20;

/** Encodes struct bpf_object_open_opts, <bpf/libbpf.h>: size at 0, object_name at 8; 80 bytes. */
function openOptions(name: Buffer): Buffer {
  const options = Buffer.alloc(80);
  options.writeBigUInt64LE(80n, 0);
  options.writeBigUInt64LE(addressOf(name), 8);
  return options;
}

/** Iterates over the programs or maps of an open BPF object. */
function* members(
  next: (object: libbpf.LibbpfPointer, previous: libbpf.LibbpfPointer) => libbpf.LibbpfPointer,
  object: libbpf.LibbpfPointer,
): Generator<bigint> {
  for (let member = next(object, null); member; member = next(object, member)) yield member;
}

/** Creates the error of a failed load. The kernel writes a log only for the program that the verifier refuses. */
function loadError(name: string, error: number, logs: ReadonlyMap<string, Buffer>): ProblemError {
  for (const [program, log] of logs) {
    const end = log.indexOf(0);
    if (end > 0) return createVerifierError(name, program, log.toString('utf8', 0, end), error);
  }
  return new BpfError(`load ${name}`, error);
}

/** Meaning of the errors in enum libbpf_errno, <bpf/libbpf.h>. */
const libbpfErrors: Record<number, string> = {
  4000: 'not an ELF file that libelf can read',
  4001: 'not a BPF object',
  4003: 'its byte order is not this machine’s',
  4005: 'it has an unresolvable relocation',
};

/** Opens a BPF object file without loading it. @throws ProblemError `bad_object` if libbpf cannot read it */
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

/** Lists the programs and maps in a BPF object file without loading it. @throws ProblemError `bad_object` */
export function describeBpfObject(name: string, image: Buffer): BpfObjectDescription {
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
export async function loadBpfObject(request: BpfObjectLoadOptions): Promise<LoadedBpfObject> {
  const { name, image } = request;
  const object = openObject(name, image);
  try {
    const logs = new Map<string, Buffer>();
    for (const program of members(libbpf.bpf_object__next_program, object)) {
      if (request.program !== undefined && !selectProgram(request.program, program)) continue;
      if (request.programType !== undefined) {
        const { type, attachType } = request.programType;
        checkBpfResult(`set the type of ${name}`, libbpf.bpf_program__set_type(program, type));
        checkBpfResult(
          `set the attach type of ${name}`,
          libbpf.bpf_program__set_expected_attach_type(program, attachType),
        );
      }
      const log = Buffer.alloc(logBytes);
      logs.set(libbpf.bpf_program__name(program), log);
      checkBpfResult(`set the log of ${name}`, libbpf.bpf_program__set_log_buf(program, log, log.length));
    }
    for (const map of members(libbpf.bpf_object__next_map, object)) prepareMap(request, map);
    const result = await callForeignAsync(libbpf.bpf_object__load, object);
    if (result < 0) throw loadError(name, -result, logs);
    return {
      programs: new Map(
        Array.from(members(libbpf.bpf_object__next_program, object), (program) => {
          const programName = libbpf.bpf_program__name(program);
          const fd = libbpf.bpf_program__fd(program);
          return [programName, recordOpenedDescriptor(fd, `program ${programName} of ${name}`)];
        }),
      ),
      maps: new Map(
        Array.from(members(libbpf.bpf_object__next_map, object), (map) => {
          const mapName = libbpf.bpf_map__name(map);
          return [mapName, recordOpenedDescriptor(libbpf.bpf_map__fd(map), `map ${mapName} of ${name}`)];
        }),
      ),
      close: () => libbpf.bpf_object__close(object),
    };
  } catch (error) {
    libbpf.bpf_object__close(object);
    throw error;
  }
}

/** Selects a program by name for loading and excludes all others. @returns true if `program` is the selected one */
function selectProgram(name: string, program: bigint): boolean {
  const selected = libbpf.bpf_program__name(program) === name;
  if (selected)
    checkBpfResult(`set the type of ${name}`, libbpf.bpf_program__set_type(program, schedClsProgramType));
  else checkBpfResult(`exclude a program beside ${name}`, libbpf.bpf_program__set_autoload(program, false));
  return selected;
}

function prepareMap(request: BpfObjectLoadOptions, map: bigint): void {
  const mapName = libbpf.bpf_map__name(map);
  const operation = `${request.name}: prepare map ${mapName}`;
  const wanted = request.maps?.[mapName];
  // Only the caller decides where maps are pinned: otherwise a foreign object could open anybody's pinned map.
  checkBpfResult(operation, libbpf.bpf_map__set_pin_path(map, null));
  if (wanted?.maxEntries !== undefined)
    checkBpfResult(operation, libbpf.bpf_map__set_max_entries(map, wanted.maxEntries));
  if (wanted?.reuse !== undefined) checkBpfResult(operation, libbpf.bpf_map__reuse_fd(map, wanted.reuse));
  if (request.rodata && mapName.endsWith('.rodata')) {
    const length = Buffer.alloc(8);
    const content = libbpf.bpf_map__initial_value(map, length);
    if (!content) throw new BpfError(operation, errno());
    request.rodata(Buffer.from(viewMemory(content, Number(length.readBigUInt64LE(0)))));
  }
}
