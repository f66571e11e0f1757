import { ProblemError } from '../../contract/problem.ts';
import type { AttachAnchor } from '../../server/bpf/attach-anchor.ts';
import type { LinkHook } from '../../server/bpf/hook.ts';
import { type CliCommand, type CommandInvocation, type CommandOption, printResult } from '../command.ts';

/** Help text of commands that call bpf(2) in their own process and so need root but no agent. */
const local =
  'HOOK is netkit/primary, netkit/peer, tcx/ingress or tcx/egress; DEVICE is an interface of this network namespace,\nfor both netkit hooks the primary. Programs are named by id or by the path of a pin. Needs root, and no agent.';

const program: CommandOption = { value: 'ID|PATH', summary: 'the program, by id or by the path of a pin' };

const anchorOptions: Readonly<Record<string, CommandOption>> = {
  before: { value: 'ID|PATH', summary: 'attach right before this program' },
  after: { value: 'ID|PATH', summary: 'attach right after this program' },
  first: { summary: 'attach before all programs of the hook; by default after all' },
};

export const bpfLinkCreateCommand: CliCommand = {
  name: 'bpf link create',
  parameters: ['HOOK', 'DEVICE'],
  summary: 'attaches a program by a link, BPF_LINK_CREATE, and pins the link',
  details: local,
  options: { program, pin: { value: 'PATH', summary: 'pin of the new link' }, ...anchorOptions },
  async run(invocation) {
    const path = required(invocation, 'pin');
    const { hook, device, ifindex } = await readHookAndDevice(invocation);
    const bpf = await loadBpf();
    const fd = await openProgramReference(required(invocation, 'program'));
    const anchor = await anchorOf(invocation);
    const link = await bpf.attachProgramByLink(hook, { program: fd, ifindex, anchor });
    bpf.pinBpfObject(link, path);
    printResult(
      invocation,
      bpf.readBpfDeviceLinkInfo(link),
      ({ id, programId }) => `link ${id}: program ${programId} at ${hook} of ${device}`,
    );
  },
};

export const bpfLinkUpdateCommand: CliCommand = {
  name: 'bpf link update',
  parameters: ['PIN'],
  summary: 'replaces the program of a pinned link, BPF_LINK_UPDATE; no packet passes without a program',
  options: { program },
  async run(invocation) {
    const [path = ''] = invocation.args;
    const bpf = await loadBpf();
    const fd = await openProgramReference(required(invocation, 'program'));
    const info = await bpf.withPinnedBpfLink(path, async (link) => {
      await bpf.updateBpfLink(`update the link at ${path}`, link, fd);
      return bpf.readBpfDeviceLinkInfo(link);
    });
    if (info === null) throw noPin(path);
    printResult(invocation, info, ({ id, programId }) => `link ${id}: program ${programId}`);
  },
};

export const bpfLinkDetachCommand: CliCommand = {
  name: 'bpf link detach',
  parameters: ['PIN'],
  summary: 'detaches a pinned link from its hook, BPF_LINK_DETACH, and removes the pin',
  options: {},
  async run(invocation) {
    const [path = ''] = invocation.args;
    const bpf = await loadBpf();
    const info = await bpf.withPinnedBpfLink(path, async (link, found) => {
      await bpf.detachBpfLink(`detach the link at ${path}`, link);
      return found;
    });
    if (info === null) throw noPin(path);
    bpf.removePin(path);
    printResult(invocation, info, ({ id, programId }) => `link ${id}: program ${programId} detached`);
  },
};

export const bpfProgramAttachCommand: CliCommand = {
  name: 'bpf program attach',
  parameters: ['HOOK', 'DEVICE'],
  summary: 'attaches a program without a link, BPF_PROG_ATTACH: it stays for the life of the device',
  details: local,
  options: { program, ...anchorOptions },
  async run(invocation) {
    const { hook, device, ifindex } = await readHookAndDevice(invocation);
    const bpf = await loadBpf();
    const fd = await openProgramReference(required(invocation, 'program'));
    await bpf.attachWithoutLink(ifindex, hook, { fd }, await anchorOf(invocation));
    const programId = bpf.readBpfProgramInfo(fd).id;
    printResult(invocation, { programId }, () => `program ${programId} at ${hook} of ${device}`);
  },
};

export const bpfProgramDetachCommand: CliCommand = {
  name: 'bpf program detach',
  parameters: ['HOOK', 'DEVICE'],
  summary: 'detaches a program that was attached without a link, BPF_PROG_DETACH',
  details: local,
  options: { program },
  async run(invocation) {
    const { hook, device, ifindex } = await readHookAndDevice(invocation);
    const bpf = await loadBpf();
    const fd = await openProgramReference(required(invocation, 'program'));
    await bpf.detachWithoutLink(ifindex, hook, { fd });
    const programId = bpf.readBpfProgramInfo(fd).id;
    printResult(invocation, { programId }, () => `program ${programId} detached from ${hook} of ${device}`);
  },
};

/** Imports libbpf on demand, because other commands do not need it. */
async function loadBpf() {
  const [link, info, pins, programs, hooks, attach] = await Promise.all([
    import('../../server/bpf/link.ts'),
    import('../../server/bpf/link-info.ts'),
    import('../../server/bpf/pin.ts'),
    import('../../server/bpf/program-info.ts'),
    import('../../server/bpf/hook.ts'),
    import('../../server/bpf/attach-without-link.ts'),
  ]);
  return { ...link, ...info, ...pins, ...programs, ...hooks, ...attach };
}

/** Reads the hook and the device from the arguments. @throws ProblemError `bad_request` or `device_missing` */
async function readHookAndDevice({ args: [hook = '', device = ''] }: CommandInvocation) {
  const { hookAttachTypes } = await loadBpf();
  if (!Object.hasOwn(hookAttachTypes, hook))
    throw new ProblemError('bad_request', `${hook}: not a hook`, {
      hint: `use one of ${Object.keys(hookAttachTypes).join(', ')}`,
    });
  const { NetlinkSocket } = await import('../../server/netlink/socket.ts');
  const { getLink } = await import('../../server/netlink/link.ts');
  using socket = NetlinkSocket.open();
  const found = await getLink(socket, { name: device });
  if (found === null)
    throw new ProblemError(
      'device_missing',
      `${device}: no interface of this network namespace has this name`,
      {
        hint: 'see `ip link`; for a netkit hook name the primary, which is on the host',
      },
    );
  return { hook: hook as LinkHook, device, ifindex: found.ifindex };
}

function required(invocation: CommandInvocation, name: string): string {
  const value = invocation.option(name);
  if (value === undefined) throw new ProblemError('bad_request', `--${name} is missing`);
  return value;
}

/**
 * Opens a BPF program by id or pin path; the descriptor stays open until the process exits.
 * @throws ProblemError `bad_request`
 */
async function openProgramReference(reference: string): Promise<number> {
  const { openProgramById, openPinnedObject } = await loadBpf();
  const fd = /^\d+$/.test(reference) ? openProgramById(Number(reference)) : openPinnedObject(reference);
  if (fd === null)
    throw new ProblemError(
      'bad_request',
      /^\d+$/.test(reference) ? `no program has id ${reference}` : `nothing is pinned at ${reference}`,
      { hint: 'see `bpftool prog show`' },
    );
  return fd;
}

async function anchorOf(invocation: CommandInvocation): Promise<AttachAnchor> {
  const before = invocation.option('before');
  const after = invocation.option('after');
  const first = invocation.flag('first');
  if ([before !== undefined, after !== undefined, first].filter(Boolean).length > 1)
    throw new ProblemError('bad_request', 'only one of --before, --after and --first');
  if (first) return 'head';
  if (before !== undefined) return { before: { programId: await programIdOf(before) } };
  if (after !== undefined) return { after: { programId: await programIdOf(after) } };
  return 'tail';
}

async function programIdOf(reference: string): Promise<number> {
  const { readBpfProgramInfo } = await loadBpf();
  return readBpfProgramInfo(await openProgramReference(reference)).id;
}

const noPin = (path: string): ProblemError =>
  new ProblemError('bad_request', `nothing is pinned at ${path}`, { hint: 'see `bpftool link show -f`' });
