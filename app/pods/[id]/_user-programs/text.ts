import type { UserProgramOrder } from '../../../../contract/build.ts';
import type { Hook } from '../../../../contract/device.ts';
import type { Direction } from '../../../../contract/direction.ts';

/** Interface texts of the section about a pod's user programs. */
export const userProgramsText = {
  title: 'Custom programs',
  subtitle: 'run alongside Podlane’s, survive agent restarts',
  attach: 'Attach a program…',
  none: 'None. A compiled object with a program for this hook can be attached before or after Podlane’s.',
  goneWithPod: 'They were removed with the pod.',
  detachedByOthers: 'detached by another process',
  maps: ', maps',
  detach: 'Detach…',
  detachNow: 'Detach',
  keep: 'Keep',

  podGone: 'The pod is gone.',
  noDevice: 'The pod has no device.',
  migrating: 'A migration of this pod is running.',

  sheetTitle: 'Attach a program',
  sheetDescription: 'A compiled eBPF object. The verifier checks it before anything is changed.',
  nothingToOrderAgainst: 'Podlane has no program on this device, so there is nothing to order yours against.',
  chooseFile: 'Choose an object file.',
  verifying: 'The verifier checks the program.',
  cancel: 'Cancel',
  attachNow: 'Attach',
  attaching: 'Attaching',
  objectFile: 'Object file',
  objectHint: 'ELF, compiled by clang -target bpf, with a program of SEC("tc"), tcx/… or netkit/…',
  hook: 'Hook',
  place: 'Order',
  section: 'Section or program',
  sectionHint: 'may be empty if the object has one program',
  name: 'Name',
  nameHint: 'shown in the dashboard; default: the program’s name',
  lifetime:
    'The program stays with the pod through migrations and agent restarts, until it is detached here or the pod is gone. Its drops are not in Podlane’s counters.',
  refused: 'The program was not attached',
} as const;

export const directionDescriptions: Record<Direction, string> = {
  egress: 'packets from the pod',
  ingress: 'packets to the pod',
};

export const programOrderDescriptions: Record<UserProgramOrder, string> = {
  before: 'runs on each packet before it is counted and evaluated',
  after: 'runs only on packets Podlane passes; redirected packets never reach it',
};

export const formatProgramOrder = (place: UserProgramOrder): string => `${place} Podlane’s`;
/** Formats the position at which a program runs on its hook; `position` counts from 0. */
export const formatProgramRunPosition = (position: number): string =>
  position === 0 ? 'runs first' : `runs as number ${position + 1}`;
export const formatProgramAttachedTitle = (name: string): string => `${name} attached`;
export const formatProgramAttachedDetail = (place: UserProgramOrder, hook: Hook): string =>
  `${formatProgramOrder(place)} on ${hook}`;
export const formatProgramDetachedTitle = (name: string): string => `${name} detached`;
export const formatProgramNotDetachedTitle = (name: string): string => `${name} was not detached`;
export const formatMaxProgramsReason = (max: number): string => `A pod has at most ${max} custom programs.`;
export const formatMaxObjectSizeReason = (bytes: number): string => `The object exceeds ${bytes / 1024} KiB.`;
