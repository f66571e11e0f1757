import { bothEnds, type DeviceEnd, type ElementContext, type ElementKind, linesOf } from '../element.ts';

const ip = linesOf('ip');
const mac = ({ random }: ElementContext): string =>
  `02:00:5e:${[1, 2, 3].map(() => random.between(16, 255).toString(16)).join(':')}`;

const entries: Record<string, (context: ElementContext) => string> = {
  permanent: () => 'nud permanent',
  stale: () => 'nud stale',
  'learned by others': ({ random }) => `nud ${random.one(['permanent', 'stale'])} extern_learn`,
  'without resolution': () => 'nud noarp',
  router: () => 'nud permanent router',
  'of a protocol': () => 'nud permanent protocol bgp',
};

const ofEnd = (end: DeviceEnd): ElementKind[] =>
  (['IPv4', 'IPv6'] as const).flatMap((family): ElementKind[] => {
    const address = (context: ElementContext): string =>
      family === 'IPv4' ? context.ipv4(2) : context.ipv6('99');
    return [
      ...Object.entries(entries)
        .filter(([name]) => family === 'IPv6' || name !== 'router')
        .map(
          ([name, entry]): ElementKind => ({
            name: `neighbor: ${family} ${name}`,
            end,
            phase: 'neighbor',
            not: 'netkit-l3',
            commands: (context) =>
              ip(`neigh add ${address(context)} lladdr ${mac(context)} dev DEV ${entry(context)}`),
          }),
        ),
      {
        name: `neighbor: ${family} proxy`,
        end,
        phase: 'neighbor',
        commands: (context) =>
          ip(`neigh add proxy ${address(context)} dev DEV ${context.random.maybe('protocol static')}`),
      },
    ];
  });

export const neighborKinds: readonly ElementKind[] = bothEnds.flatMap(ofEnd);
