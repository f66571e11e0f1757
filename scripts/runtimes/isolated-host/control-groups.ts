import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A hierarchy of control groups as it is mounted (cgroups(7)). */
export interface ControlGroupHierarchy {
  type: 'cgroup' | 'cgroup2';
  path: string;
  /** Options that a further mount of it needs: its controllers or its name. */
  options: string;
}

/** Options that say how it is mounted, not what. */
const generalOption = /^(rw|ro|nosuid|nodev|noexec|relatime|xattr|clone_children|release_agent=.*|none)$/;

/** Returns the hierarchies below /sys/fs/cgroup, out of the text of /proc/self/mounts. */
export function parseControlGroupHierarchies(mounts: string): ControlGroupHierarchy[] {
  return mounts.split('\n').flatMap((line): ControlGroupHierarchy[] => {
    const [, path = '', type, options = ''] = line.split(' ');
    if ((type !== 'cgroup' && type !== 'cgroup2') || !path.startsWith('/sys/fs/cgroup')) return [];
    if (type === 'cgroup2') return [{ type, path, options: 'rw' }];
    const kept = options.split(',').filter((option) => !generalOption.test(option));
    // Mounted without `none`, a hierarchy that has only a name would get all free controllers.
    if (kept.some((option) => option.startsWith('name='))) kept.unshift('none');
    return [{ type, path, options: kept.join(',') }];
  });
}

/** Lists the machine's hierarchies. */
export const listControlGroupHierarchies = (): ControlGroupHierarchy[] =>
  parseControlGroupHierarchies(readFileSync('/proc/self/mounts', 'utf8'));

/** Makes the control group `name` in a hierarchy, with all controllers that its parent has. @returns its path */
export function createControlGroup({ type, path }: ControlGroupHierarchy, name: string): string {
  const group = join(path, name);
  if (type === 'cgroup2') passControllersOn(path);
  mkdirSync(group);
  // A group takes no process before it has CPUs and memory nodes.
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    if (type === 'cgroup' && existsSync(join(group, file)))
      writeFileSync(join(group, file), readFileSync(join(path, file)));
  return group;
}

function passControllersOn(path: string): void {
  const read = (file: string) => readFileSync(join(path, file), 'utf8').trim().split(' ').filter(Boolean);
  const passed = read('cgroup.subtree_control');
  for (const controller of read('cgroup.controllers').filter((name) => !passed.includes(name)))
    try {
      writeFileSync(join(path, 'cgroup.subtree_control'), `+${controller}`);
    } catch {
      // Some cannot be passed on, such as cpu while real-time processes run: runtimes go on without it.
    }
}
