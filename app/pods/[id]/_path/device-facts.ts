import { isIpv6 } from '../../../../contract/cidr.ts';
import type { FactRow } from './hop-boxes.tsx';
import { hooksAreOnHost, type PathView } from './path-view.ts';

/** What else is to know about the device: its slot, and what decides where no program does. */
export function deviceFacts({ device, container }: PathView): FactRow[] {
  if (device === null) return [];
  const mode = device.mode === null ? '' : ` ${device.mode.toUpperCase()}`;
  const facts: FactRow[] = [['device', `${device.kind}${mode}, slot ${device.slot}`]];
  const moved = fallbackHookFamily(device);
  if (moved !== null) facts.push(['hooks', `programs on ${moved} (attach fallback)`]);
  if (device.policy !== null)
    facts.push(['policy', `peer ${device.policy.peer}, primary ${device.policy.primary}`]);
  if (container.neighbours.length > 0)
    facts.push(
      ...ofEachFamily(
        'neigh',
        container.neighbours.map((each) => each.replace(/ dev \S+/, '')),
      ),
    );
  if (device.primary.mtu !== device.peer.mtu)
    facts.push(['MTU', `peer ${device.peer.mtu}, primary ${device.primary.mtu}`]);
  return facts;
}

/** The family of hooks that a netkit device’s programs were moved to; null where they are on its own. */
export function fallbackHookFamily(device: NonNullable<PathView['device']>): string | null {
  if (device.kind !== 'netkit' || !hooksAreOnHost(device)) return null;
  return device.gates[0]?.hook.split('/')[0] ?? null;
}

/** Both routes that a migration moves; all of them are in the tables of the network below. */
export function routeFacts({ container, host }: PathView): FactRow[] {
  return [...rows('pod route', container.routes), ...rows('host route', host?.routes ?? [])];
}

const rows = (name: string, routes: readonly string[]): FactRow[] =>
  routes.length === 0 ? [[name, 'none']] : ofEachFamily(name, routes);

/** One line for each family, with the first of it. */
function ofEachFamily(name: string, lines: readonly string[]): FactRow[] {
  const six = (line: string) => isIpv6(line.split(/ (?:dev|lladdr)/)[0] ?? '');
  return [lines.filter((line) => !six(line)), lines.filter(six)]
    .filter((all) => all.length > 0)
    .map((all) => {
      const [first = ''] = all;
      return [name, all.length > 1 ? `${first}, +${all.length - 1}` : first, all.join('\n')];
    });
}
