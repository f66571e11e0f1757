import { setSafeInterval } from './async/safe-timers.ts';
import { malloc_trim, mallopt } from './ffi/libc.ts';

/** Parameters of mallopt(3), <malloc.h>. */
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
const M_ARENA_MAX = -8;
/** Default thresholds of glibc, in bytes. Set, they are not raised to 32 MB once a large block was freed. */
const thresholdBytes = 128 << 10;
/** Maximum number of arenas, of which each keeps what is freed in it; by default there are eight for each CPU. */
const arenas = 2;
/** Time in ms between two returns of freed memory. */
const returnMs = 10_000;

/**
 * Makes glibc return freed memory to the kernel, now and then also from the middle of its arenas. An agent works in
 * bursts, such as its start with the kernel's BTF of megabytes, and would keep the memory of the largest for good.
 * Called before the first thread starts, since a thread keeps its arena.
 */
export function returnFreedMemory(): void {
  mallopt(M_ARENA_MAX, arenas);
  mallopt(M_MMAP_THRESHOLD, thresholdBytes);
  mallopt(M_TRIM_THRESHOLD, thresholdBytes);
  setSafeInterval(() => malloc_trim(0), returnMs).unref();
}
