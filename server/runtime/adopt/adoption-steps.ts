import type { AdoptionPlan } from '../../../contract/adoption.ts';
import type { HookFamily } from '../../../contract/device.ts';
import type { NewAdoptedPod } from '../../datapath/adopted/adopted-pods.ts';
import { podlaneProgramHooks, podlaneProgramNames } from '../../datapath/device/program-hooks.ts';

/** Lists the steps of an adoption. */
export function planAdoptionSteps(
  { namespace, name, network, adoption: { device } }: NewAdoptedPod,
  hooks: HookFamily,
): AdoptionPlan['steps'] {
  const { primary } = device;
  const { ingress, egress } = podlaneProgramHooks[hooks];
  return [
    {
      step: 'recorded',
      description: `Write ${namespace}/${name} and its device ${primary.name} to the store`,
      requests: [],
    },
    {
      step: 'attached',
      description: `Attach Podlane’s programs to ${primary.name}, behind those of others; nothing else of the device changes`,
      requests: [
        `BPF_MAP_UPDATE_ELEM foreign_devices: ifindex ${primary.ifindex} has the next free slot`,
        ...(
          [
            [podlaneProgramNames.ingress, ingress],
            [podlaneProgramNames.egress, egress],
          ] as const
        ).map(([program, hook]) => `BPF_LINK_CREATE ${program} on ${primary.name}, ${hook}`),
        ...network.addresses.map(
          (address) => `BPF_MAP_UPDATE_ELEM endpoints: ${address.split('/', 1).join('')} is the pod’s`,
        ),
      ],
    },
    {
      step: 'taken over',
      description: 'Stop counting it as an observed pod: Podlane’s counters go on',
      requests: [],
    },
  ];
}
