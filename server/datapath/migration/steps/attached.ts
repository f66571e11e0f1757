import { join } from 'node:path';
import type { Hook } from '../../../../contract/device.ts';
import type { StepRequest } from '../../../../contract/migration.ts';
import { encodeSlot } from '../../../bpf/slot-layout.ts';
import {
  carryForeignPrograms,
  type ForeignProgram,
  foreignFilterPriority,
} from '../../device/foreign-programs.ts';
import { hooksOf, programName } from '../../device/hooks.ts';
import { attachPrograms, hooksWithoutOurProgram } from '../../device/our-programs.ts';
import { ourFilterHandle, ourFilterPriority } from '../../device/tc-filter.ts';
import { attachUserPrograms, userFilterHandle, userFilterPriority } from '../../device/user-hooks.ts';
import type { PlanInput } from '../plan.ts';
import { shellWord, updateMapCommand } from '../shell-commands.ts';
import type { Step } from '../step.ts';

/** Attaches our programs to the new device, then foreign and user programs in their order around ours. */
export const attached: Step<'attached'> = {
  name: 'attached',
  describe({ device, foreignPrograms: { length } }) {
    const hooks = hooksOf[device.hooks];
    const more = length === 0 ? '' : `, and ${length === 1 ? 'a program' : `${length} programs`} of others`;
    return `Attach from_pod to ${hooks.egress}, to_pod to ${hooks.ingress}${more}`;
  },

  requests: (plan) => [
    slotEntry(plan),
    ...(plan.device.hooks === 'tc' ? [clsact(plan)] : []),
    // A blackhole netkit peer opens when its hook has a program: that comes last.
    ...(['ingress', 'egress'] as const).map((direction) => ourProgram(plan, direction)),
    ...plan.foreignPrograms.flatMap((program, index) => foreignProgram(plan, program, index)),
  ],

  async run({ kernel, pod, to, networkState }) {
    await attachPrograms(kernel, pod, to);
    await carryForeignPrograms(kernel, networkState?.foreignPrograms ?? [], to);
    // An agent that resumes a journal does not know the network state, and finds user programs by their pins.
    await attachUserPrograms(kernel, pod.number, to);
  },

  async verify({ kernel, to }) {
    return (await hooksWithoutOurProgram(kernel, to)).map((hook) => `our program is not on ${hook}`);
  },
};

function slotEntry({ to, pins, slotEntry: entry }: PlanInput): StepRequest {
  const slot = Buffer.alloc(4);
  slot.writeUInt32LE(to.slot);
  return {
    words: `BPF_MAP_UPDATE_ELEM slots: addresses that slot ${to.slot} may send from`,
    command: updateMapCommand(`${pins}/maps/slots`, slot, encodeSlot(entry)),
  };
}

const clsact = ({ to }: PlanInput): StepRequest => ({
  words: `RTM_NEWQDISC clsact on ${to.primary.name}`,
  command: `tc qdisc add dev ${to.primary.name} clsact`,
});

const isTcHook = (hook: Hook): boolean => hook === 'tc/ingress' || hook === 'tc/egress';

/** Where the agent pins our program of a hook. */
const ourPin = ({ pins, device }: PlanInput, direction: 'egress' | 'ingress'): string =>
  shellWord(`${pins}/programs/${programName[direction]}_${device.hooks}`);

function ourProgram(plan: PlanInput, direction: 'egress' | 'ingress'): StepRequest {
  const { to, pins, device } = plan;
  const hook = hooksOf[device.hooks][direction];
  const program = programName[direction];
  if (isTcHook(hook))
    return {
      words: `RTM_NEWTFILTER ${program} on ${to.primary.name}, ${hook}`,
      command: filterCommand(plan, hook, ourFilterPriority, ourFilterHandle, ourPin(plan, direction)),
    };
  const link = `${pins}/links/${to.slot}-${hook.replace('/', '-')}`;
  return {
    words: `BPF_LINK_CREATE ${program} on ${to.primary.name}, ${attachType[hook]}`,
    command: `podlane bpf link create ${hook} ${to.primary.name} --program ${ourPin(plan, direction)} --pin ${shellWord(link)}`,
  };
}

function foreignProgram(plan: PlanInput, program: ForeignProgram, index: number): StepRequest[] {
  const { to, device, pins } = plan;
  const { id, name, direction, beforeOurs, user } = program;
  const hook = hooksOf[device.hooks][direction];
  const whose = user
    ? `user program ${user.number} of the pod`
    : `foreign program ${name || 'without a name'}`;
  const words = `${whose} (id ${id}) on ${hook} of ${to.primary.name}, ${beforeOurs ? 'before' : 'after'} ours`;
  const before = ` --before ${ourPin(plan, direction)}`;
  if (user) {
    const pin = shellWord(join(user.path, 'program'));
    if (isTcHook(hook))
      return [
        {
          words: `RTM_NEWTFILTER ${words}`,
          command: filterCommand(plan, hook, userFilterPriority(user), userFilterHandle, pin),
        },
      ];
    const link = shellWord(join(user.path, `${to.slot}-${hook.replace('/', '-')}`));
    return [
      {
        words: `BPF_LINK_CREATE ${words}`,
        command: `podlane bpf link create ${hook} ${to.primary.name} --program ${pin} --pin ${link}${user.place === 'before' ? before : ''}`,
      },
    ];
  }
  if (isTcHook(hook)) {
    const pin = shellWord(`${pins}/foreign-${id}`);
    return [
      { words: `BPF_OBJ_PIN program ${id}`, command: `bpftool prog pin id ${id} ${pin}` },
      {
        words: `RTM_NEWTFILTER ${words}`,
        command: filterCommand(plan, hook, foreignFilterPriority(beforeOurs, index), 1, pin),
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
  { to }: PlanInput,
  hook: Hook,
  priority: number,
  handle: number,
  pin: string,
): string =>
  `tc filter replace dev ${to.primary.name} ${hook.slice('tc/'.length)} pref ${priority} handle 0x${handle.toString(16)} protocol all bpf direct-action object-pinned ${pin}`;

/** Names of enum bpf_attach_type (linux/bpf.h). */
const attachType: Partial<Record<Hook, string>> = {
  'netkit/peer': 'BPF_NETKIT_PEER',
  'netkit/primary': 'BPF_NETKIT_PRIMARY',
  'tcx/ingress': 'BPF_TCX_INGRESS',
  'tcx/egress': 'BPF_TCX_EGRESS',
};
