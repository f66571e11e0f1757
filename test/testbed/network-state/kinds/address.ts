import { bothEnds, type DeviceEnd, type ElementContext, type ElementKind, linesOf } from '../element.ts';

const ip = linesOf('ip');
const lifetime = ({ random }: ElementContext): string =>
  `valid_lft ${random.between(5000, 90_000)} preferred_lft ${random.between(3000, 4900)}`;

/** `address add` with the attributes that a kind is about, and others by chance. */
const ipv4: Record<string, (context: ElementContext) => string> = {
  plain: ({ ipv4 }) => `${ipv4(1)}/30`,
  host: ({ ipv4, random }) => `${ipv4(1)}/32 ${random.maybe('noprefixroute')}`,
  'without prefix route': ({ ipv4 }) => `${ipv4(1)}/30 noprefixroute`,
  label: ({ ipv4, unique }) => `${ipv4(1)}/30 label DEV:l${unique()}`,
  broadcast: ({ ipv4, random }) => `${ipv4(1)}/30 broadcast ${random.one(['+', ipv4(2)])}`,
  peer: ({ ipv4, random }) => `${ipv4(1)} peer ${ipv4(2)}/32 ${random.maybe('noprefixroute')}`,
  metric: ({ ipv4, random }) => `${ipv4(1)}/30 metric ${random.between(2, 5000)}`,
  'scope link': ({ ipv4 }) => `${ipv4(1)}/30 scope link`,
  'scope host': ({ ipv4 }) => `${ipv4(1)}/32 scope host`,
  lifetime: (context) => `${context.ipv4(1)}/30 ${lifetime(context)}`,
  deprecated: ({ ipv4, random }) =>
    `${ipv4(1)}/32 valid_lft ${random.one(['forever', '80000'])} preferred_lft 0`,
  'joined group': ({ random }) => `239.${random.between(1, 200)}.${random.between(0, 255)}.7/32 autojoin`,
};

const ipv6: Record<string, (context: ElementContext) => string> = {
  plain: ({ ipv6 }) => `${ipv6('1')}/64 nodad`,
  'with duplicate detection': ({ ipv6 }) => `${ipv6('2')}/64`,
  'without prefix route': ({ ipv6 }) => `${ipv6('1')}/64 nodad noprefixroute`,
  deprecated: ({ ipv6 }) => `${ipv6('1')}/128 nodad preferred_lft 0`,
  lifetime: (context) => `${context.ipv6('1')}/64 nodad ${lifetime(context)}`,
  peer: ({ ipv6 }) => `${ipv6('1')} peer ${ipv6('2')}/128 nodad`,
  metric: ({ ipv6, random }) => `${ipv6('1')}/64 nodad metric ${random.between(2, 5000)}`,
  home: ({ ipv6 }) => `${ipv6('1')}/64 nodad home`,
  'for temporary ones': ({ ipv6 }) => `${ipv6('1')}/64 nodad mngtmpaddr`,
  'link-local by hand': ({ random }) => `fe80::${random.between(100, 9999)}/64 scope link nodad`,
  'joined group': ({ random }) => `ff15::${random.between(100, 9999)}/128 autojoin`,
};

const ofEnd = (end: DeviceEnd): ElementKind[] =>
  Object.entries({ IPv4: ipv4, IPv6: ipv6 }).flatMap(([family, all]) =>
    Object.entries(all).map(
      ([name, address]): ElementKind => ({
        name: `address: ${family} ${name}`,
        end,
        phase: 'address',
        commands: (context) => ip(`address add ${address(context)} dev DEV`),
      }),
    ),
  );

export const addressKinds: readonly ElementKind[] = [
  ...bothEnds.flatMap(ofEnd),
  ...bothEnds.map(
    (end): ElementKind => ({
      name: 'address: IPv4 primary with secondaries',
      end,
      phase: 'address',
      commands: ({ ipv4 }) => ip(...[5, 3, 9].map((host) => `address add ${ipv4(host)}/28 dev DEV`)),
    }),
  ),
];
