import { readFileSync } from 'node:fs';

/** Column of the number of packets that wait in a processor's receive backlog (Linux 5.10, net/core/net-procfs.c). */
const backlogColumn = 11;

/**
 * Returns for each processor how many packets wait in its receive backlog: those that veth and netkit devices, loopback
 * and the like have sent and whose receiver has not seen them yet. Empty on kernels that do not report it.
 * @param text of `/proc/net/softnet_stat`, which has a line of hexadecimal numbers for each processor
 */
export function readReceiveBacklogs(text = readFileSync('/proc/net/softnet_stat', 'latin1')): number[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[backlogColumn])
    .flatMap((value) => (value === undefined ? [] : [Number.parseInt(value, 16)]));
}
