import { ProblemError } from '../../contract/problem.ts';
import { errno, errnoName, mapFailed, mmap, munmap, viewOf } from '../ffi/libc.ts';

const protRead = 1;
const protWrite = 2;
const mapShared = 1;

/** Memory of a map (BPF_F_MMAPABLE), or of a ring buffer: as the programs see it, with no system call. */
export class MemoryMapping {
  readonly buffer: ArrayBuffer;
  readonly #address: bigint;

  /** @throws ProblemError `kernel_refused` */
  constructor(what: string, fd: number, bytes: number, { offset = 0, readOnly = false } = {}) {
    this.#address = mmap(null, bytes, readOnly ? protRead : protRead | protWrite, mapShared, fd, offset);
    if (this.#address === mapFailed)
      throw new ProblemError('kernel_refused', `map ${what} (${bytes} bytes): ${errnoName(errno())}`);
    this.buffer = viewOf(this.#address, bytes);
  }

  /** `buffer`, and views of it, must not be touched after this. */
  close(): void {
    munmap(this.#address, this.buffer.byteLength);
  }
}
