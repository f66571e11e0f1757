import { isIpv6Text } from '../../../../contract/cidr.ts';
import type { PathHopFact } from './hop-boxes.tsx';
import type { PathDiagramData } from './path-diagram-types.ts';
import { isEgressHookOnHost } from './path-hops.ts';
import { formatFallbackHooks, pathText } from './text.ts';

/** Returns facts about a device for the path diagram: slot, hooks, policy, neighbors and MTUs. */
export function listDeviceFacts({ device, container }: PathDiagramData): PathHopFact[] {
  if (device === null) return [];
  const mode = device.mode === null ? '' : ` ${device.mode.toUpperCase()}`;
  const facts: PathHopFact[] = [[pathText.device, `${device.kind}${mode}, slot ${device.slot}`]];
  const family = findFallbackHookFamily(device);
  if (family !== null) facts.push([pathText.hooks, formatFallbackHooks(family)]);
  if (device.policy !== null)
    facts.push([pathText.policy, `peer ${device.policy.peer}, primary ${device.policy.primary}`]);
  if (container.neighbors.length > 0)
    facts.push(
      ...ofEachFamily(
        pathText.neighbor,
        container.neighbors.map((each) => each.replace(/ dev \S+/, '')),
      ),
    );
  if (device.primary.mtu !== device.peer.mtu)
    facts.push([pathText.mtu, `peer ${device.peer.mtu}, primary ${device.primary.mtu}`]);
  return facts;
}

/** Returns the hook family of a netkit device in attach fallback; null if the programs are on its netkit hooks. */
export function findFallbackHookFamily(device: NonNullable<PathDiagramData['device']>): string | null {
  if (device.kind !== 'netkit' || !isEgressHookOnHost(device)) return null;
  return device.hooks[0]?.hook.split('/')[0] ?? null;
}

/** Returns the routes in the pod and on the host that a migration changes. */
export function listRouteFacts({ container, host }: PathDiagramData): PathHopFact[] {
  return [...rows(pathText.podRoute, container.routes), ...rows(pathText.hostRoute, host?.routes ?? [])];
}

const rows = (name: string, routes: readonly string[]): PathHopFact[] =>
  routes.length === 0 ? [[name, pathText.none]] : ofEachFamily(name, routes);

/** Returns a fact for each address family: the first of its lines, and the number of its further lines. */
function ofEachFamily(name: string, lines: readonly string[]): PathHopFact[] {
  const six = (line: string) => isIpv6Text(line.split(/ (?:dev|lladdr)/)[0] ?? '');
  return [lines.filter((line) => !six(line)), lines.filter(six)]
    .filter((all) => all.length > 0)
    .map((all) => {
      const [first = ''] = all;
      return [name, all.length > 1 ? `${first}, +${all.length - 1}` : first, all.join('\n')];
    });
}
