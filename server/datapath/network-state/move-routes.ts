import { ProblemError } from '../../../contract/problem.ts';
import { isNetlinkError, type NetlinkError } from '../../netlink/netlink-error.ts';
import type { RawObject } from '../../netlink/raw-object.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { buildRouteDeletion, buildRouteMoves, routeKey, toDevice } from './carry-routes.ts';
import { describeRoute } from './describe-object.ts';
import { readMovableRoutes } from './read-end-state.ts';

/** Passes in which routes are looked for: others may add some while they are moved. */
const passes = 5;

/**
 * Moves all routes and next hop objects of one interface to another, in every table. Each is replaced atomically; what
 * others delete meanwhile stays deleted. Idempotent.
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

/** Adds recorded routes and next hop objects that an interface lacks. */
export async function restoreRecordedRoutes(
  socket: NetlinkSocket,
  recorded: { ifindex: number; routes: readonly RawObject[]; nextHops: readonly RawObject[] },
  ifindex: number,
): Promise<void> {
  const present = await readMovableRoutes(socket, ifindex);
  const known = new Set(present.routes.map((route) => identity(route, ifindex)));
  const missing = recorded.routes.filter((route) => !known.has(identity(route, recorded.ifindex)));
  if (missing.length === 0) return;
  const moves = buildRouteMoves({ routes: missing, nextHops: [] }, recorded.ifindex, ifindex, true);
  for (let pass = 0; pass < 2; pass++) await socket.batch(moves.map(({ request }) => request));
}

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
  const { body, attributes } = toDevice(route, ifindex, 0);
  const bytes = attributes
    .filter(({ type }) => type !== 23)
    .map(({ type, value }) => `${type} ${value.toString('hex')}`);
  return `${body.toString('hex')} ${bytes.sort().join(' ')}`;
}
