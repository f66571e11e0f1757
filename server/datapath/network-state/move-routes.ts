import { ProblemError } from '../../../contract/problem.ts';
import { isNetlinkError, type NetlinkError } from '../../netlink/netlink-error.ts';
import { getRawU32, type RawObject } from '../../netlink/raw-object.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { describeRoute } from './describe-object.ts';
import type { EndState } from './end-state.ts';
import { buildGroupRestorations } from './next-hop-groups.ts';
import { listAllNextHops, readMovableRoutes } from './read-end-state.ts';
import {
  buildNextHopRoute,
  buildRouteDeletion,
  buildRouteMoves,
  routeKey,
  withRouteDevice,
} from './route-requests.ts';
import { nha, rta } from './rtnetlink-constants.ts';

/**
 * Maximum number of times that the old interface is searched for routes: others may add some while they are moved, and
 * a route by a gateway follows only after the route to the gateway.
 */
const passes = 5;
/** Times that recorded objects are sent: each may need one that comes after it. */
const restorePasses = 3;

/**
 * Moves the routes that somebody added (all but RTPROT_KERNEL) and the next hop objects of one interface to another, in
 * every table. Each is replaced atomically; what others delete meanwhile stays deleted. Idempotent.
 * @returns the routes that were moved, as they were before
 * @throws ProblemError `kernel_refused` with the routes that the kernel does not move, and its reason
 */
export async function moveRoutes(socket: NetlinkSocket, from: number, to: number): Promise<RawObject[]> {
  const moved: RawObject[] = [];
  for (let pass = 1; ; pass++) {
    const found = await readMovableRoutes(socket, from);
    if (found.routes.length === 0 && found.nextHops.length === 0) return moved;
    const copies = await dropCopies(socket, found.routes, from, to);
    const routes = found.routes.filter((route) => !copies.has(route));
    const moves = buildRouteMoves({ routes, nextHops: found.nextHops }, from, to);
    const answers = await socket.batch(moves.map(({ request }) => request));
    const errors = answers.flatMap((error) =>
      error === null || goneMeanwhile(error) ? [] : [error.message],
    );
    // A route by a gateway is refused until the route to the gateway has moved.
    const done = moves.filter(({ object }, index) => answers[index] === null && routes.includes(object));
    moved.push(...done.map(({ object }) => object));
    const [first] = errors;
    if (first !== undefined && pass === passes)
      throw new ProblemError(
        'kernel_refused',
        `move ${routes.map((route) => describeRoute(route, from, `if${from}`)).join('; ')} to ifindex ${to}: ${first}`,
        { hint: 'Compare the route with `ip -d route show table all`; change it, then migrate again.' },
      );
    if (pass === passes) return moved;
  }
}

/** Tells whether a route was refused because others deleted it meanwhile. */
const goneMeanwhile = (error: NetlinkError): boolean => isNetlinkError(error, 'ENOENT', 'ESRCH');

/**
 * Makes again what was recorded of an interface and is gone, as when another process deleted the device that it had
 * moved to: next hop objects, what their groups lost, routes, and routes through next hop objects and groups. Objects
 * that others have given the number of a recorded one since stay. Idempotent.
 */
export async function restoreRecordedRoutes(
  socket: NetlinkSocket,
  recorded: Pick<EndState, 'ifindex' | 'routes' | 'nextHops' | 'nextHopGroups' | 'nextHopRoutes'>,
  ifindex: number,
): Promise<void> {
  const present = await readMovableRoutes(socket, ifindex);
  const known = new Set(present.routes.map((route) => identity(route, ifindex)));
  const routes = recorded.routes.filter((route) => !known.has(identity(route, recorded.ifindex)));
  const all = recorded.nextHops.length === 0 ? [] : await listAllNextHops(socket);
  const ids = new Set(all.map((each) => getRawU32(each, nha.id) ?? 0));
  const nextHops = recorded.nextHops.filter((hop) => !ids.has(getRawU32(hop, nha.id) ?? 0));
  for (const hop of nextHops) ids.add(getRawU32(hop, nha.id) ?? 0);
  // A member that is missing although no next hop is was taken out by others.
  const groups = nextHops.length === 0 ? [] : buildGroupRestorations(recorded.nextHopGroups, all, ids);
  const through = new Set(present.nextHopRoutes.map(nextHopRouteKey));
  const nextHopRoutes = recorded.nextHopRoutes.filter((route) => !through.has(nextHopRouteKey(route)));
  const moves = buildRouteMoves({ routes, nextHops }, recorded.ifindex, ifindex, true);
  const requests = [
    ...moves.slice(0, nextHops.length).map(({ request }) => request),
    ...groups,
    ...moves.slice(nextHops.length).map(({ request }) => request),
    ...nextHopRoutes.map(buildNextHopRoute),
  ];
  if (requests.length === 0) return;
  // A next hop or route by a gateway is refused until there is a route to the gateway.
  for (let pass = 0; pass < restorePasses; pass++) await socket.batch(requests);
}

/** Identity of a route through a next hop object: by what the kernel finds it, and the object's number. */
const nextHopRouteKey = (route: RawObject): string =>
  `${routeKey(route)} ${getRawU32(route, rta.nextHopId) ?? 0}`;

/**
 * Deletes routes of the old interface that the new one has as well: of several routes to one destination the kernel
 * replaces only the first. @returns those that were deleted
 */
async function dropCopies(
  socket: NetlinkSocket,
  routes: readonly RawObject[],
  from: number,
  to: number,
): Promise<Set<RawObject>> {
  const keys = new Set(routes.map(routeKey));
  const there = await readMovableRoutes(socket, to);
  const present = new Set(
    there.routes.filter((route) => keys.has(routeKey(route))).map((route) => identity(route, to)),
  );
  const copies = routes.filter((route) => present.has(identity(route, from)));
  if (copies.length > 0) await socket.batch(copies.map((route) => buildRouteDeletion(route, from)));
  return new Set(copies);
}

/** Identity of a route apart from its interface and from the time until it expires. */
function identity(route: RawObject, ifindex: number): string {
  const { body, attributes } = withRouteDevice(route, ifindex, 0);
  const bytes = attributes
    .filter(({ type }) => type !== 23)
    .map(({ type, value }) => `${type} ${value.toString('hex')}`);
  return `${body.toString('hex')} ${bytes.sort().join(' ')}`;
}
