import path from 'node:path';

/**
 * The command line that runs `command` (`ip …`) in the namespace at `netns`; `ip -n` where the namespace is a named one,
 * since that is what engineers type.
 */
export function inNamespace(netns: string, command: string): string {
  if (path.dirname(netns) === '/run/netns' || path.dirname(netns) === '/var/run/netns')
    return command.replace(/^ip /, `ip -n ${path.basename(netns)} `);
  return `nsenter --net=${netns} ${command}`;
}

/** How a new interface's namespace is named to `ip link add … netns X`: a name or a path. */
export const netnsArgument = (netns: string): string =>
  path.dirname(netns) === '/run/netns' || path.dirname(netns) === '/var/run/netns'
    ? path.basename(netns)
    : netns;
