import { ProblemError } from '../../contract/problem.ts';
import { errno, errnoName, MAP_FAILED, mmap, munmap, viewMemory } from '../ffi/libc.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** Memory of an array map (BPF_F_MMAPABLE) or ring buffer, shared with BPF programs and read without system calls. */
export class MemoryMapping {
  readonly buffer: ArrayBuffer;
  readonly #address: bigint;

  /** Maps the memory of a BPF map into this process. @throws ProblemError `kernel_refused` */
  constructor(what: string, fd: number, bytes: number, { offset = 0, readOnly = false } = {}) {
    this.#address = mmap(null, bytes, readOnly ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
    if (this.#address === MAP_FAILED)
      throw new ProblemError('kernel_refused', `map ${what} (${bytes} bytes): ${errnoName(errno())}`);
    this.buffer = viewMemory(this.#address, bytes);
  }

  /** Unmaps the memory. Using `buffer` or a view of it afterwards crashes the process. */
  close(): void {
    munmap(this.#address, this.buffer.byteLength);
  }
}
