import type { IncomingHttpHeaders } from 'node:http';

/**
 * Returns the actor that events and journals name: the one in `x-podlane-actor`, which the gateway sets, or `local` for
 * a caller that uses the socket itself.
 */
export function readActor({ 'x-podlane-actor': actor }: IncomingHttpHeaders): string {
  return typeof actor === 'string' && /^[\x20-\x7e]{1,128}$/.test(actor) ? actor : 'local';
}
