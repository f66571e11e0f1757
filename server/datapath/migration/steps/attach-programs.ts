import { join } from 'node:path';
import type { Hook } from '../../../../contract/device.ts';
import type { StepRequest } from '../../../../contract/migration.ts';
import { encodeSlotEntry } from '../../../bpf/datapath-structs.ts';
import {
  attachUserPrograms,
  userProgramFilterHandle,
  userProgramFilterPriority,
} from '../../device/attach-user-programs.ts';
import {
  attachCarriedPrograms,
  type CarriedProgram,
  placeCarriedFilter,
} from '../../device/carried-programs.ts';
import { attachPodlanePrograms, findHooksWithoutPodlaneProgram } from '../../device/podlane-programs.ts';
import { podlaneFilterHandle, podlaneFilterPriority } from '../../device/podlane-tc-filter.ts';
import { podlaneProgramHooks, podlaneProgramNames } from '../../device/program-hooks.ts';
import type { MigrationPlanInput } from '../plan-input.ts';
import { quoteShellWord, updateMapEntryCommand } from '../shell-commands.ts';
import type { MigrationStepDefinition } from '../step-definition.ts';

/** Attaches Podlane's programs to the new device, then foreign and user programs in their order around Podlane's. */
export const attachProgramsStep: MigrationStepDefinition<'attached'> = {
  name: 'attached',
  describe({ device, carriedPrograms: { length } }) {
    const hooks = podlaneProgramHooks[device.hooks];
    const more = length === 0 ? '' : `, and ${length === 1 ? 'a program' : `${length} programs`} of others`;
    return `Attach from_pod to ${hooks.egress}, to_pod to ${hooks.ingress}${more}`;
  },

  requests: (plan) => [
    slotEntry(plan),
    ...(plan.device.hooks === 'tc' ? [clsact(plan)] : []),
    // A blackhole netkit peer opens when its hook has a program: that comes last.
    ...(['ingress', 'egress'] as const).map((direction) => ourProgram(plan, direction)),
    ...plan.carriedPrograms.flatMap((program, index) => foreignProgram(plan, program, index)),
  ],

  async run({ kernel, pod, to, oldNetwork }) {
    await attachPodlanePrograms(kernel, pod, to);
    await attachCarriedPrograms(kernel, oldNetwork?.carriedPrograms ?? [], to);
    // An agent that resumes a journal does not know the network state, and finds user programs by their pins.
    await attachUserPrograms(kernel, pod.number, to);
  },

  async verify({ kernel, to }) {
    return (await findHooksWithoutPodlaneProgram(kernel, to)).map((hook) => `our program is not on ${hook}`);
  },
};

function slotEntry({ to, pins, slotEntry: entry }: MigrationPlanInput): StepRequest {
  const slot = Buffer.alloc(4);
  slot.writeUInt32LE(to.slot);
  return {
    words: `BPF_MAP_UPDATE_ELEM slots: addresses that slot ${to.slot} may send from`,
    command: updateMapEntryCommand(`${pins}/maps/slots`, slot, encodeSlotEntry(entry)),
  };
}

const clsact = ({ to }: MigrationPlanInput): StepRequest => ({
  words: `RTM_NEWQDISC clsact on ${to.primary.name}`,
  command: `tc qdisc add dev ${to.primary.name} clsact`,
});

const isTcHook = (hook: Hook): boolean => hook === 'tc/ingress' || hook === 'tc/egress';

/** Returns the pin path of Podlane's program on a hook. */
const ourPin = ({ pins, device }: MigrationPlanInput, direction: 'egress' | 'ingress'): string =>
  quoteShellWord(`${pins}/programs/${podlaneProgramNames[direction]}_${device.hooks}`);

function ourProgram(plan: MigrationPlanInput, direction: 'egress' | 'ingress'): StepRequest {
  const { to, pins, device } = plan;
  const hook = podlaneProgramHooks[device.hooks][direction];
  const program = podlaneProgramNames[direction];
  if (isTcHook(hook))
    return {
      words: `RTM_NEWTFILTER ${program} on ${to.primary.name}, ${hook}`,
      command: filterCommand(plan, hook, podlaneFilterPriority, podlaneFilterHandle, ourPin(plan, direction)),
    };
  const link = `${pins}/links/${to.slot}-${hook.replace('/', '-')}`;
  return {
    words: `BPF_LINK_CREATE ${program} on ${to.primary.name}, ${attachType[hook]}`,
    command: `podlane bpf link create ${hook} ${to.primary.name} --program ${ourPin(plan, direction)} --pin ${quoteShellWord(link)}`,
  };
}

function foreignProgram(plan: MigrationPlanInput, program: CarriedProgram, index: number): StepRequest[] {
  const { to, device, pins } = plan;
  const { id, name, direction, beforeOurs, user } = program;
  const hook = podlaneProgramHooks[device.hooks][direction];
  const whose = user
    ? `user program ${user.number} of the pod`
    : `foreign program ${name || 'without a name'}`;
  const words = `${whose} (id ${id}) on ${hook} of ${to.primary.name}, ${beforeOurs ? 'before' : 'after'} ours`;
  const before = ` --before ${ourPin(plan, direction)}`;
  if (user) {
    const pin = quoteShellWord(join(user.path, 'program'));
    if (isTcHook(hook))
      return [
        {
          words: `RTM_NEWTFILTER ${words}`,
          command: filterCommand(plan, hook, userProgramFilterPriority(user), userProgramFilterHandle, pin),
        },
      ];
    const link = quoteShellWord(join(user.path, `${to.slot}-${hook.replace('/', '-')}`));
    return [
      {
        words: `BPF_LINK_CREATE ${words}`,
        command: `podlane bpf link create ${hook} ${to.primary.name} --program ${pin} --pin ${link}${user.place === 'before' ? before : ''}`,
      },
    ];
  }
  if (isTcHook(hook)) {
    const pin = quoteShellWord(`${pins}/foreign-${id}`);
    const place = placeCarriedFilter(program, index);
    return [
      { words: `BPF_OBJ_PIN program ${id}`, command: `bpftool prog pin id ${id} ${pin}` },
      {
        words: `RTM_NEWTFILTER ${words}`,
        command: filterCommand(plan, hook, place.priority, place.handle, pin),
      },
      { words: `unlink the pin of program ${id}`, command: `rm ${pin}` },
    ];
  }
  return [
    {
      words: `BPF_PROG_ATTACH ${words}`,
      command: `podlane bpf program attach ${hook} ${to.primary.name} --program ${id}${beforeOurs ? before : ''}`,
    },
  ];
}

const filterCommand = (
  { to }: MigrationPlanInput,
  hook: Hook,
  priority: number,
  handle: number,
  pin: string,
): string =>
  `tc filter replace dev ${to.primary.name} ${hook.slice('tc/'.length)} pref ${priority} handle 0x${handle.toString(16)} protocol all bpf direct-action object-pinned ${pin}`;

/** Names of enum bpf_attach_type (<linux/bpf.h>) by hook. */
const attachType: Partial<Record<Hook, string>> = {
  'netkit/peer': 'BPF_NETKIT_PEER',
  'netkit/primary': 'BPF_NETKIT_PRIMARY',
  'tcx/ingress': 'BPF_TCX_INGRESS',
  'tcx/egress': 'BPF_TCX_EGRESS',
};
