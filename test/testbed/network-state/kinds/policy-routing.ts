import {
  bothEnds,
  type DeviceEnd,
  type ElementContext,
  type ElementKind,
  linesOf,
  nextHop,
} from '../element.ts';

/** A rule's preference: unique, before the main table's. */
const preference = ({ unique }: ElementContext): number => 1000 + unique();

const selectors = (end: DeviceEnd): Record<string, (context: ElementContext) => string> => ({
  'for the ingress device': () => 'iif DEV',
  'for the egress device': () => 'oif DEV',
  'for the device and a mark': ({ random }) => `iif DEV fwmark ${random.between(1, 99)}/0xff`,
  'for the device and ports': () => 'oif DEV ipproto tcp dport 9000-9100',
  'without the device': ({ unique }) =>
    end === 'pod' ? 'uidrange 70000-70001' : `fwmark ${100_000 + unique()}`,
});

const ofEnd = (end: DeviceEnd): ElementKind[] =>
  (['IPv4', 'IPv6'] as const).flatMap((family): ElementKind[] => {
    const ip = linesOf(family === 'IPv4' ? 'ip' : 'ip -6');
    const via = family === 'IPv4' ? nextHop(end).ipv4 : nextHop(end).ipv6;
    const pod = family === 'IPv4' ? 'POD4' : 'POD6';
    const everything = family === 'IPv4' ? '0.0.0.0/0' : '::/0';
    return [
      ...Object.entries(selectors(end)).map(
        ([name, selector]): ElementKind => ({
          name: `rule: ${family} ${name}`,
          end,
          phase: 'rule',
          commands: (context) =>
            ip(
              `rule add pref ${preference(context)} ${selector(context)} lookup ${40_000 + context.unique()} ${context.random.maybe('suppress_prefixlength 8')}`,
            ),
        }),
      ),
      // The pod's own traffic depends on the table.
      {
        name: `rule: ${family} to a table with the pod's route`,
        end,
        phase: 'rule',
        commands: (context) => {
          const table = 1000 + context.unique();
          return end === 'pod'
            ? ip(
                `route add ${everything} ${via} table ${table}`,
                `rule add pref ${preference(context)} from ${pod} lookup ${table}`,
              )
            : ip(
                `route add ${pod} dev DEV table ${table}`,
                `rule add pref ${preference(context)} to ${pod} lookup ${table}`,
              );
        },
      },
    ];
  });

export const policyRoutingKinds: readonly ElementKind[] = bothEnds.flatMap(ofEnd);
