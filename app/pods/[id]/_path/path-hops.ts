import type { AttachedProgram } from '../../../../contract/device.ts';
import type { Direction } from '../../../../contract/direction.ts';
import type { PathHop, PodPath } from '../../../../contract/pod-path.ts';

type Hop<T extends PathHop['type']> = Extract<PathHop, { type: T }>;
export type ContainerHop = Hop<'container'>;
export type DeviceHop = Hop<'device'>;
export type HostHop = Hop<'host'>;
export type UplinkHop = Hop<'uplink'>;

/** Returns the hop of the given type; null if the path has none. A path has at most one hop of each type. */
export function findPathHop<T extends PathHop['type']>(path: PodPath, type: T): Hop<T> | null {
  return (path.hops.find((hop) => hop.type === type) as Hop<T> | undefined) ?? null;
}

/** Returns the hooks that packets of a direction pass, each with its programs in order of execution. */
export function listHooksWithPrograms(
  device: DeviceHop,
  direction: Direction,
): { hook: string; programs: AttachedProgram[] }[] {
  return device.hooks
    .filter((each) => each.direction === direction)
    .map(({ hook, programs }) => ({
      hook,
      programs: [...programs].sort((a, b) => a.position - b.position),
    }));
}

/** Returns true if a device's egress hook is on the host: always for veth, in attach fallback for netkit. */
export const isEgressHookOnHost = (device: DeviceHop | null): boolean =>
  device === null ||
  (device.hooks.find(({ direction }) => direction === 'egress')?.end ?? 'primary') === 'primary';

/** Returns the name of a network namespace, which is the last part of its path. */
export const formatNetnsName = (path: string): string => path.split('/').at(-1) || path;
