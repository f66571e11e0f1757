import { bpf_prog_test_run_opts } from '../ffi/libbpf.ts';
import { addressOf } from '../ffi/libc.ts';
import { checkResult, BpfError } from './syscall.ts';

/** struct __sk_buff (linux/bpf.h), of which only the device's index is given. */
const contextBytes = 192;
const contextIfindex = 40;
/** struct bpf_test_run_opts (bpf/bpf.h): data_in 8, data_size_in 24, ctx_in 32, ctx_size_in 48, retval 56, repeat 60, duration 64. */
const optionsBytes = 80;

/**
 * Runs programs of traffic control on packets of no device's, with no packet sent (BPF_PROG_TEST_RUN). One after the
 * other: its memory is used again.
 */
export class ProgramTestRun {
  readonly #context = Buffer.alloc(contextBytes);
  readonly #options = Buffer.alloc(optionsBytes);

  /**
   * @param ifindex of a device of the thread's network namespace that the packet is said to be at
   * @param frame from its Ethernet header on
   * @returns what the program answered, and the mean of all runs in ns
   */
  run(program: number, ifindex: number, frame: Buffer, repeat = 1): { verdict: number; ns: number } {
    const options = this.#options;
    this.#context.writeUInt32LE(ifindex, contextIfindex);
    options.writeBigUInt64LE(BigInt(optionsBytes), 0);
    options.writeBigUInt64LE(addressOf(frame), 8);
    options.writeUInt32LE(frame.length, 24);
    options.fill(0, 28, 32); // the last answer's length
    options.writeBigUInt64LE(addressOf(this.#context), 32);
    options.writeUInt32LE(contextBytes, 48);
    options.writeUInt32LE(repeat, 60);
    // A signal to this thread ends the repeats: they are begun again.
    let answer: number;
    do answer = bpf_prog_test_run_opts(program, options);
    while (answer < 0 && new BpfError('', -answer).errnoName === 'EINTR');
    checkResult('run a program on a packet', answer);
    return { verdict: options.readInt32LE(56), ns: options.readUInt32LE(64) };
  }
}
