import { ProblemError } from '../../../../contract/problem.ts';
import { retryWithPause } from '../../../async/retry.ts';
import { addAlternativeNames, getLink, setLink } from '../../../netlink/link.ts';
import { isNetlinkError } from '../../../netlink/netlink-error.ts';
import { hasKernelCapability } from '../../kernel-context.ts';
import { netnsCommand, quoteShellWord } from '../shell-commands.ts';
import type { MigrationStepDefinition } from '../step-definition.ts';

/**
 * Retry options for renaming the new peer: the old device's name can remain in use for a moment after the kernel has acknowledged the
 * deletion.
 */
const whileTaken = {
  attempts: 2,
  pauseMs: 5,
  retryable: (error: unknown): boolean => isNetlinkError(error, 'EEXIST'),
};

/**
 * Gives the new peer the name of the pod's interface while it is up, since taking it down would lose its routes.
 * Where the kernel cannot rename an interface that is up, it gets an alternative name (Linux 5.5).
 */
export const renamedStepDefinition: MigrationStepDefinition<'renamed'> = {
  name: 'renamed',
  describe: ({ liveRename, network, to }) =>
    liveRename
      ? `Rename the new peer to ${network.interface}, while it is up`
      : `Add ${network.interface} as an alternative name of ${to.peer.name}: this kernel cannot rename an interface that is up`,

  requests({ liveRename, network, netns, to }) {
    const name = quoteShellWord(network.interface);
    const command = netnsCommand(
      netns,
      liveRename
        ? `ip link set ${to.peer.name} name ${name}`
        : `ip link property add dev ${to.peer.name} altname ${name}`,
    );
    return [
      {
        words: liveRename
          ? `RTM_NEWLINK ifindex ${to.peer.ifindex}, IFLA_IFNAME ${network.interface}`
          : `RTM_NEWLINKPROP ifindex ${to.peer.ifindex}, IFLA_ALT_IFNAME ${network.interface}`,
        command: `${command} || { sleep 0.1; ${command}; }`,
      },
    ];
  },

  async run({ kernel, namespace, newPeer, pod }) {
    const name = pod.network.interface;
    const link = await getLink(namespace.socket, { ifindex: newPeer });
    if (!link)
      throw new ProblemError(
        'device_missing',
        `rename ifindex ${newPeer} to ${name}: the pod has no interface of this index any more`,
      );
    if (link.name === name || link.alternativeNames.includes(name)) return;
    await retryWithPause(
      () =>
        hasKernelCapability(kernel, 'live-rename')
          ? setLink(namespace.socket, newPeer, { name })
          : addAlternativeNames(namespace.socket, newPeer, [name]),
      whileTaken,
    );
  },

  async verify({ namespace, newPeer, pod }) {
    const name = pod.network.interface;
    const link = await getLink(namespace.socket, { ifindex: newPeer });
    if (link === null || link.name === name || link.alternativeNames.includes(name)) return [];
    return [`the peer is called ${link.name}, not ${name}`];
  },
};
