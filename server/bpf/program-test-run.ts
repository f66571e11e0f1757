import { bpf_prog_test_run_opts } from '../ffi/libbpf.ts';
import { addressOf } from '../ffi/libc.ts';
import { checkBpfResult, failedWithErrno } from './bpf-error.ts';
import { __sk_buff } from './bpf-structs.ts';

/**
 * Size of struct bpf_test_run_opts, <bpf/bpf.h>: data_in 8, data_size_in 24, ctx_in 32, ctx_size_in 48, retval 56,
 * repeat 60, duration 64.
 */
const optionsBytes = 80;

/**
 * Runs traffic control programs on made-up packets, without sending any (BPF_PROG_TEST_RUN). Its buffers are reused, so
 * runs do not overlap.
 */
export class ProgramTestRun {
  readonly #context = Buffer.alloc(__sk_buff.bytes);
  readonly #options = Buffer.alloc(optionsBytes);

  /**
   * @param ifindex of a device of the thread's network namespace, which becomes the packet's device
   * @param frame the packet, beginning with its Ethernet header
   * @param ingressIfindex of the device that the packet entered the node by; 0 for one that the node itself sends
   * @returns the program's return value, and the mean duration of all runs in ns
   */
  run(
    program: number,
    ifindex: number,
    frame: Buffer,
    repeat = 1,
    ingressIfindex = 0,
  ): { verdict: number; ns: number } {
    const options = this.#options;
    this.#context.writeUInt32LE(ingressIfindex, __sk_buff.ingress_ifindex);
    this.#context.writeUInt32LE(ifindex, __sk_buff.ifindex);
    options.writeBigUInt64LE(BigInt(optionsBytes), 0);
    options.writeBigUInt64LE(addressOf(frame), 8);
    options.writeUInt32LE(frame.length, 24);
    options.fill(0, 28, 32); // data_size_out of the last run
    options.writeBigUInt64LE(addressOf(this.#context), 32);
    options.writeUInt32LE(__sk_buff.bytes, 48);
    options.writeUInt32LE(repeat, 60);
    // A signal to this thread interrupts the repeats, so they start over.
    let result: number;
    do result = bpf_prog_test_run_opts(program, options);
    while (failedWithErrno(result, 'EINTR'));
    checkBpfResult('run a program on a packet', result);
    return { verdict: options.readInt32LE(56), ns: options.readUInt32LE(64) };
  }
}
