/** One thing that a tool shows: what it is, and how it is. Things of one key are kept in the tool's order. */
export interface StateLine {
  key: string;
  value: string;
  /** Lifetimes that are left, in seconds, taken out of the value. */
  seconds: number[];
}

type IpObject = Record<string, unknown>;

const forever = 4_294_967_295;
/** Members that count down. */
const timers = new Set(['valid_life_time', 'preferred_life_time', 'expires']);
/** Members that name the device itself, where its name stands for it. */
const deviceMembers = new Set(['dev', 'ifname', 'link', 'master']);

/** Writes an object with sorted members, the device's name as `DEV`, and its timers apart. */
function lineOf(key: string, object: unknown, device: string | null): StateLine {
  const seconds: number[] = [];
  const write = (value: unknown, name: string): unknown => {
    if (typeof value === 'number' && timers.has(name) && value !== forever && value !== 0) {
      seconds.push(value);
      return 'limited';
    }
    if (typeof value === 'string' && deviceMembers.has(name) && value === device) return 'DEV';
    if (Array.isArray(value))
      return name === 'flags' || name === 'altnames'
        ? [...value].sort()
        : value.map((each) => write(each, name));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([member, each]) => [member, write(each, member)]),
    );
  };
  const value = write(object, '');
  return { key, value: typeof value === 'string' ? value : JSON.stringify(value), seconds };
}

/** Makes a line of each object. */
export const keyedLines = (
  objects: readonly IpObject[],
  key: (object: IpObject) => string,
  device: string | null = null,
): StateLine[] => objects.map((each) => lineOf(key(each).replaceAll(device ?? '\0', 'DEV'), each, device));

/** Makes a line of each attribute of each link; the kernel's own tunnel devices are there too. */
export function linkLines(links: readonly IpObject[], device: string): StateLine[] {
  return links.flatMap((link) => {
    const who = link.ifname === device ? 'DEV' : String(link.ifname);
    return [
      { key: `${who} name`, value: String(link.ifname), seconds: [] },
      ...Object.entries(link)
        .filter(([name]) => name !== 'ifname')
        .map(([name, value]) => lineOf(`${who} ${name}`, name === 'link' ? [value] : value, null)),
    ];
  });
}

/** Makes a line of each address of all links, and of the order of the device's. */
export function addressLines(links: readonly IpObject[], device: string): StateLine[] {
  return links.flatMap((link) => {
    const who = link.ifname === device ? 'DEV' : String(link.ifname);
    const all = link.addr_info as IpObject[];
    const name = ({ local, prefixlen, address }: IpObject): string =>
      `${who} ${local}${address === undefined ? '' : ` peer ${address}`}/${prefixlen}`;
    return [
      ...all.map((each) => lineOf(name(each), each, null)),
      ...['inet', 'inet6'].map((family) => ({
        key: `${who} order of ${family}`,
        value: all
          .filter((each) => each.family === family)
          .map(({ local }) => local)
          .join(' '),
        seconds: [],
      })),
    ];
  });
}

/** Makes a line of each route; routes of one table and destination stay in order. */
export const routeLines = (routes: readonly IpObject[], device: string): StateLine[] =>
  keyedLines(
    routes,
    ({ table, type, dst, from, pref, protocol, dev }) =>
      [
        // Each IPv6 route has a preference; `default` alone does not tell the family.
        pref === undefined ? 'IPv4' : 'IPv6',
        type === 'unicast' ? '' : type,
        dst,
        from === undefined ? '' : `from ${from}`,
        `table ${table}`,
        // The kernel has one for each interface, as they come; a packet to a group names its interface.
        type === 'multicast' && protocol === 'kernel' ? `dev ${dev}` : '',
      ]
        .filter((part) => part !== '')
        .join(' '),
    device,
  );

const resolvedStates = new Set(['STALE', 'REACHABLE', 'DELAY', 'PROBE']);

/**
 * Makes a line of each neighbor. Those that the kernel found by itself and forgets are left out: unresolved ones,
 * link-local ones that are not set by hand, groups, and what a device without MACs has for each address.
 */
export const neighborLines = (neighbors: readonly IpObject[], device: string): StateLine[] =>
  keyedLines(
    neighbors.flatMap(({ state, ...each }): IpObject[] => {
      const [first] = (state ?? []) as string[];
      const resolved = first !== undefined && resolvedStates.has(first);
      if (first === 'INCOMPLETE' || first === 'FAILED' || first === 'NONE') return [];
      if (first === 'NOARP' && /^(undefined|00:00|33:33|01:00:5e|ff:ff)/.test(String(each.lladdr))) return [];
      if (resolved && String(each.dst).startsWith('fe80:')) return [];
      return [{ ...each, state: resolved ? 'resolved' : state }];
    }),
    ({ dst, dev }) => `${dst} dev ${dev === undefined || dev === device ? 'DEV' : dev}`,
    device,
  );

/** Makes a line of each object of a ruleset; rules of a chain stay in order, whatever handles they have. */
export function firewallLines(text: string): StateLine[] {
  if (text.trim() === '') return [];
  const { nftables } = JSON.parse(text) as { nftables: Record<string, IpObject>[] };
  return nftables.flatMap((each) => {
    const [kind, object] = Object.entries(each)[0] ?? [];
    if (kind === undefined || object === undefined || kind === 'metainfo') return [];
    const { handle: _, ...more } = object;
    const where = [more.family, more.table, more.chain, more.name].filter((part) => part !== undefined);
    return [lineOf(`${kind} ${where.join(' ')}`, more, null)];
  });
}

/** How a line of text is separated from its value, by section. */
const splits: Record<string, RegExp> = {
  ethtool: /^\s*([^:]+): (.*)$/,
  sysctl: /^\/proc\/sys\/net\/([^:]+):(.*)$/,
  queues: /^\/sys\/class\/net\/([^:]+):(.*)$/,
};

/** Makes a line of each line of a text; those that begin with a space continue the one before. */
export function textLines(section: string, text: string, device: string): StateLine[] {
  const split = splits[section];
  const lines = (split ? text : text.replace(/\n(?=[ \t])\s*/g, ' '))
    .split('\n')
    .filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [, key, value] = split?.exec(line) ?? [];
    if (key !== undefined && value !== undefined)
      return {
        key: key.replace(`/${device}/`, '/DEV/').replace(new RegExp(`^${device}/`), 'DEV/'),
        value,
        seconds: [],
      };
    return { key: line.split(' ').slice(0, 4).join(' '), value: line.trim(), seconds: [] };
  });
}
