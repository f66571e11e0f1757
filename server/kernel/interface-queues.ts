import { closeSync, readdirSync, writeFileSync } from 'node:fs';
import { errno, errnoName, syscall6 } from '../ffi/libc.ts';
import { runInNetworkNamespace } from '../netlink/setns.ts';
import { readFolderFiles } from './read-folder-files.ts';

// System call numbers of x86-64, <asm/unistd_64.h>, and constants of <linux/mount.h>.
const SYS_fsopen = 430;
const SYS_fsconfig = 431;
const SYS_fsmount = 432;
const FSOPEN_CLOEXEC = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSMOUNT_CLOEXEC = 1;

/**
 * Setting of an interface in sysfs that is not in netlink: of a queue, such as `rx-0/rps_cpus`, or of all, such as
 * `gro_flush_timeout`.
 */
export interface QueueSetting {
  path: string;
  value: string;
}

const interfaceSettings: readonly string[] = ['gro_flush_timeout', 'napi_defer_hard_irqs', 'threaded'];
const isInterfaceSetting = (name: string): boolean => interfaceSettings.includes(name);
const settings = /^(rps_cpus|rps_flow_cnt|xps_cpus|xps_rxqs|tx_maxrate)$/;

/**
 * Reads the settings of an interface's queues that spread packets over processors (RPS, XPS;
 * Documentation/networking/scaling.rst) or limit their rate, and those of NAPI for all of them.
 * @param namespaceFd descriptor of the interface's network namespace; default the current one
 */
export const readQueueSettings = (name: string, namespaceFd?: number): QueueSetting[] =>
  withSysfs(namespaceFd, (root) => {
    const folder = `${root}/class/net/${name}/queues`;
    const ofAll = readFolderFiles(`${root}/class/net/${name}`, isInterfaceSetting).map(
      ({ name: path, content }) => ({
        path,
        value: content,
      }),
    );
    // A queue lacks those that the kernel or the device does not have, such as XPS with one queue.
    const ofQueues = list(folder).flatMap((queue) =>
      readFolderFiles(`${folder}/${queue}`, (entry) => settings.test(entry)).map(
        ({ name: entry, content }) => ({
          path: `${queue}/${entry}`,
          value: content,
        }),
      ),
    );
    return [...ofAll, ...ofQueues];
  });

/** Writes queue settings. @returns those that the kernel refused, or that the interface has no queue for */
export const writeQueueSettings = (
  name: string,
  wanted: readonly QueueSetting[],
  namespaceFd?: number,
): QueueSetting[] =>
  wanted.length === 0
    ? []
    : withSysfs(namespaceFd, (root) =>
        wanted.filter(({ path, value }) => {
          try {
            const folder = path.includes('/') ? 'queues/' : '';
            writeFileSync(`${root}/class/net/${name}/${folder}${path}`, `${value}\n`, { flag: 'r+' });
            return false;
          } catch {
            return true;
          }
        }),
      );

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Calls `act` with the root of a sysfs of a namespace, mounted nowhere: sysfs shows the namespace of its mounter. */
function withSysfs<T>(namespaceFd: number | undefined, act: (root: string) => T): T {
  // /sys may be that of another namespace than the agent's.
  const mount = namespaceFd === undefined ? mountSysfs() : runInNetworkNamespace(namespaceFd, mountSysfs);
  try {
    return act(`/proc/thread-self/fd/${mount}`);
  } finally {
    closeSync(mount);
  }
}

function mountSysfs(): number {
  const context = check('fsopen', syscall6(SYS_fsopen, Buffer.from('sysfs\0'), FSOPEN_CLOEXEC, 0n, 0n, 0n));
  try {
    check('fsconfig', syscall6(SYS_fsconfig, BigInt(context), FSCONFIG_CMD_CREATE, 0n, 0n, 0n));
    return check('fsmount', syscall6(SYS_fsmount, BigInt(context), FSMOUNT_CLOEXEC, 0n, 0n, 0n));
  } finally {
    closeSync(context);
  }
}

function check(call: string, result: number): number {
  if (result < 0) throw new Error(`read the queues of an interface: ${call}: ${errnoName(errno())}`);
  return result;
}
