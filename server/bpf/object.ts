import type { ProblemError } from '../../contract/problem.ts';
import * as libbpf from '../ffi/libbpf.ts';
import { addressOf, errno, viewOf } from '../ffi/libc.ts';
import { accepted, BpfRefusal, offLoop } from './call.ts';
import { verifierProblem } from './verifier.ts';

export interface MapRequest {
  maxEntries?: number;
  /** A map to use instead of a new one; the caller keeps and closes its descriptor. */
  reuse?: number;
}

export interface ObjectRequest {
  /** As errors name it; also the prefix of its data sections' map names. */
  name: string;
  image: Buffer;
  maps?: Record<string, MapRequest>;
  /** Writes .rodata, which the verifier then takes for constants. */
  rodata?: (bytes: Buffer) => void;
}

/** Descriptors belong to the object: `close` ends them; what is pinned or attached stays. */
export interface LoadedObject {
  programs: ReadonlyMap<string, number>;
  maps: ReadonlyMap<string, number>;
  close(): void;
}

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
    if (end > 0) return verifierProblem(name, program, log.toString('utf8', 0, end), error);
  }
  return new BpfRefusal(`load ${name}`, error);
}

/**
 * Loads a compiled object, off the event loop.
 * @throws ProblemError `verifier_refused` with the verifier's own words, else `kernel_refused`
 */
export async function loadObject(request: ObjectRequest): Promise<LoadedObject> {
  const { name, image } = request;
  const cName = Buffer.from(`${name}\0`);
  const object = libbpf.bpf_object__open_mem(image, image.length, openOptions(cName));
  if (!object) throw new BpfRefusal(`open ${name} as a BPF object`, errno());
  try {
    const logs = new Map<string, Buffer>();
    for (const program of members(libbpf.bpf_object__next_program, object)) {
      const log = Buffer.alloc(logBytes);
      logs.set(libbpf.bpf_program__name(program), log);
      accepted(`set the log of ${name}`, libbpf.bpf_program__set_log_buf(program, log, log.length));
    }
    for (const map of members(libbpf.bpf_object__next_map, object)) prepareMap(request, map);
    const answer = await offLoop(libbpf.bpf_object__load, object);
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

function prepareMap(request: ObjectRequest, map: bigint): void {
  const mapName = libbpf.bpf_map__name(map);
  const tried = `${request.name}: prepare map ${mapName}`;
  const wanted = request.maps?.[mapName];
  if (wanted?.maxEntries !== undefined)
    accepted(tried, libbpf.bpf_map__set_max_entries(map, wanted.maxEntries));
  if (wanted?.reuse !== undefined) accepted(tried, libbpf.bpf_map__reuse_fd(map, wanted.reuse));
  if (request.rodata && mapName.endsWith('.rodata')) {
    const length = Buffer.alloc(8);
    const content = libbpf.bpf_map__initial_value(map, length);
    if (!content) throw new BpfRefusal(tried, errno());
    request.rodata(Buffer.from(viewOf(content, Number(length.readBigUInt64LE(0)))));
  }
}
