import koffi from 'koffi';

const pageSize = 4096;
/** PROT_READ, PROT_WRITE and PROT_EXEC, <asm-generic/mman-common.h>. */
const readable = 1;
const writable = 2;
const executable = 4;
const privateAnonymous = 0x22; // MAP_PRIVATE | MAP_ANONYMOUS
const code = [
  0x0f,
  0x31, // rdtsc
  0x48,
  0xc1,
  0xe2,
  0x20, // shl rdx, 32
  0x48,
  0x09,
  0xd0, // or rax, rdx
  0xc3, // ret
];
const prototype = koffi.proto('uint64_t rdtsc()');

/**
 * Rate of this machine's time stamp counter in kHz. QEMU's emulation hands the host's counter to the guest, and a guest that
 * calibrates it by itself can hang on a busy host, so the rate is passed to it.
 */
export function measureTscKhz(): number {
  const libc = koffi.load('libc.so.6');
  const mmap = libc.func('void *mmap(void *, size_t, int, int, int, int64_t)');
  const mprotect = libc.func('int mprotect(void *, size_t, int)');
  const page = mmap(null, pageSize, readable | writable, privateAnonymous, -1, 0);
  koffi.encode(page, koffi.array('uint8_t', code.length), code);
  if (mprotect(page, pageSize, readable | executable) !== 0)
    throw new Error('mprotect of a page of code failed');
  const rdtsc = koffi.decode(page, prototype);

  /** Reads clock and time stamp counter together, and returns the closest pair of 50 attempts. */
  const pair = () => {
    let best = { nanoseconds: 0n, ticks: 0n, apart: 1n << 63n };
    for (let i = 0; i < 50; i++) {
      const before = BigInt(rdtsc());
      const nanoseconds = process.hrtime.bigint();
      const apart = BigInt(rdtsc()) - before;
      if (apart < best.apart) best = { nanoseconds, ticks: before + apart / 2n, apart };
    }
    return best;
  };
  const first = pair();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
  const last = pair();
  return Number(((last.ticks - first.ticks) * 1_000_000n) / (last.nanoseconds - first.nanoseconds));
}
