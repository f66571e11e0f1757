import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { IsolatedHost } from '../../../scripts/runtimes/isolated-host/isolated-host.ts';

/** Lists what a host that was closed has left on the machine: files, control groups, mounts, namespaces, processes. */
export function listLeftovers(host: IsolatedHost): string[] {
  const paths = [host.folder, host.outside, ...host.controlGroups].filter((path) => existsSync(path));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(host.name));
  return [...paths, ...mounts, ...listProcesses(host.name)];
}

/** Lists processes of the machine whose command line has a text. */
function listProcesses(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return command.includes(text) ? [`process ${pid}: ${command}`] : [];
      } catch {
        return []; // it has ended
      }
    });
}

/** Returns what container runtimes could have changed in this machine's own network namespace. */
export function readMachineNetwork(): string[] {
  const commands = [
    ['ip', '-o', 'link'],
    ['ip', 'route', 'show', 'table', 'all'],
    ['nft', '--stateless', 'list', 'ruleset'],
    ['sysctl', 'net.ipv4.ip_forward', 'kernel.keys.root_maxkeys'],
  ];
  return commands.map(([program, ...args]) => execFileSync(program!, args, { encoding: 'utf8' }));
}
