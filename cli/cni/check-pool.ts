import { addressBitLength, type Cidr, cidrContainsCidr, parseCidr } from '../../contract/cidr.ts';
import { ProblemError } from '../../contract/problem.ts';
import { listLinks } from '../../server/netlink/link.ts';
import { listRoutes } from '../../server/netlink/route.ts';
import { NetlinkSocket } from '../../server/netlink/socket.ts';

/** Names of the devices that Podlane makes: their routes are those of its pods. */
const ownDevice = /^pl\d/;

/**
 * Checks that the prefixes of a pool are none of which the node has routes or addresses: what containers send there would not
 * come back.
 * @throws ProblemError `bad_request`
 */
export async function checkPool(prefixes: readonly string[]): Promise<void> {
  const pool = prefixes.map(parsePrefix);
  using host = NetlinkSocket.open();
  const [links, routes] = await Promise.all([listLinks(host), listRoutes(host, { table: 'all' })]);
  const names = new Map(links.map(({ ifindex, name }) => [ifindex, name]));
  for (const { destination, ifindex } of routes) {
    const device = ifindex === null ? undefined : names.get(ifindex);
    if (destination === 'default' || (device !== undefined && ownDevice.test(device))) continue;
    const route = parseCidr(destination);
    const taken = pool.findIndex((prefix) => cidrsOverlap(prefix, route));
    if (taken >= 0)
      throw new ProblemError(
        'bad_request',
        `--pool ${prefixes[taken]}: the node has a route to ${destination}${device === undefined ? '' : ` by ${device}`}`,
        { hint: 'choose a prefix that nothing on the node or in its network uses' },
      );
  }
}

const cidrsOverlap = (a: Cidr, b: Cidr): boolean => cidrContainsCidr(a, b) || cidrContainsCidr(b, a);

function parsePrefix(text: string): Cidr {
  const refuse = (why: string): never => {
    throw new ProblemError('bad_request', `--pool ${text}: ${why}`, { hint: 'for example 10.244.0.0/24' });
  };
  if (!text.includes('/')) refuse('is no prefix');
  let cidr: Cidr;
  try {
    cidr = parseCidr(text);
  } catch (error) {
    return refuse((error as Error).message);
  }
  if (addressBitLength(cidr.family) - cidr.length < 2) refuse('has fewer than four addresses');
  return cidr;
}
