import type { Pod } from '../../../contract/pod.ts';
import { podNetworkSchema } from '../../../contract/pod-network.ts';
import type { Datapath } from '../../../server/datapath/datapath.ts';
import { openCurrentNamespace, openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { readAdoptionState } from '../../../server/runtime/adopt/adoption-state.ts';
import { readNamespace } from '../../../server/runtime/discovery/read-namespace.ts';

/** Adopts the pod in a namespace as shop/NAME, without the agent's observation of others' pods. */
export async function adoptForTest(datapath: Datapath, netns: string, name: string): Promise<Pod> {
  using host = NetlinkSocket.open();
  using own = openCurrentNamespace();
  using namespace = openNetworkNamespace(netns);
  const { interfaces } = await readNamespace({ socket: host, fd: own.fd }, namespace);
  const { device, form, bridge, network } = await readAdoptionState(host, namespace, { interfaces });
  if (device === null || form.form === null) throw new Error(`adopt ${netns}: ${form.detail}`);
  return datapath.adopt({
    namespace: 'shop',
    name,
    labels: {},
    netns: { path: netns, inode: namespace.inode },
    network: podNetworkSchema.parse(network),
    adoption: {
      form: form.form,
      runtime: null,
      runtimeId: null,
      bridge,
      device,
      adoptedAt: new Date().toISOString(),
      actor: 'test',
    },
  });
}
