/** Who asks, as the gateway says; callers on the socket itself are `local`. */
export const actorOf = (header: string | string[] | undefined): string =>
  typeof header === 'string' && /^[\x20-\x7e]{1,128}$/.test(header) ? header : 'local';
