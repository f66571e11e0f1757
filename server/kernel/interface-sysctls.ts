import { writeFileSync } from 'node:fs';
import { runInNetworkNamespace } from '../netlink/setns.ts';
import { readFolderFiles } from './read-folder-files.ts';

const trees = ['net/ipv4/conf', 'net/ipv4/neigh', 'net/ipv6/conf', 'net/ipv6/neigh'] as const;

/** Sysctl of an interface: its tree and name, such as `net/ipv4/conf` and `rp_filter`, and its value. */
export interface InterfaceSysctl {
  tree: string;
  name: string;
  value: string;
}

/**
 * Reads all sysctls of an interface, of IPv4 and IPv6, `conf` and `neigh`. Those that cannot be read are left out:
 * `stable_secret` as long as it is not set, and write-only ones.
 * @param namespaceFd descriptor of the interface's network namespace; default the current one
 */
export const readInterfaceSysctls = (name: string, namespaceFd?: number): InterfaceSysctl[] =>
  name === '' || name === '.' || name === '..' || name.includes('/')
    ? []
    : within(namespaceFd, () =>
        trees.flatMap((tree) =>
          readFolderFiles(`/proc/sys/${tree}/${name}`).map(({ name: entry, content }) => ({
            tree,
            name: entry,
            value: content,
          })),
        ),
      );

/**
 * Sets sysctls of an interface. @returns those that the kernel refused, with its reason
 * @param namespaceFd descriptor of the interface's network namespace; default the current one
 */
export const writeInterfaceSysctls = (
  name: string,
  sysctls: readonly InterfaceSysctl[],
  namespaceFd?: number,
): { sysctl: InterfaceSysctl; reason: string }[] =>
  within(namespaceFd, () =>
    sysctls.flatMap((sysctl) => {
      try {
        // Without O_CREAT and O_TRUNC, which procfs files do not take.
        writeFileSync(`/proc/sys/${sysctl.tree}/${name}/${sysctl.name}`, `${sysctl.value}\n`, { flag: 'r+' });
        return [];
      } catch (error) {
        return [{ sysctl, reason: (error as NodeJS.ErrnoException).code ?? (error as Error).message }];
      }
    }),
  );

const within = <T>(namespaceFd: number | undefined, act: () => T): T =>
  namespaceFd === undefined ? act() : runInNetworkNamespace(namespaceFd, act);
