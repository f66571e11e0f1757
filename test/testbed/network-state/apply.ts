import type { DeviceEnd, StateCommand } from './element.ts';
import type { NamespaceShell } from './namespace-shell.ts';

/** Names and addresses that commands refer to. */
export interface DeviceNames {
  /** Names of the device's ends. */
  device: Record<DeviceEnd, string>;
  ipv4: string;
  ipv6: string;
}

const readers: Record<StateCommand['tool'], string> = {
  ip: 'ip -batch -',
  'ip -6': 'ip -6 -batch -',
  tc: 'tc -batch -',
  bridge: 'bridge -batch -',
  nft: 'nft -f -',
  sh: 'sh -e',
};

/** Writes out what `DEV`, `WILD`, `POD4` and `POD6` stand for. */
const resolve = (text: string, end: DeviceEnd, { device, ipv4, ipv6 }: DeviceNames): string =>
  text
    .replace(/\bDEV\b/g, device[end])
    .replace(/\bWILD\b/g, `${device[end].slice(0, -1)}*`)
    .replace(/\bPOD4\b/g, ipv4)
    .replace(/\bPOD6\b/g, ipv6);

/** Formats commands as a script that stops at the first one that is refused; a tool reads those in sequence at once. */
export function formatScript(commands: readonly StateCommand[], end: DeviceEnd, names: DeviceNames): string {
  const batches: StateCommand[][] = [];
  for (const command of commands) {
    const batch = batches.at(-1);
    if (batch?.[0]?.tool === command.tool) batch.push(command);
    else batches.push([command]);
  }
  const steps = batches.map(
    (batch) =>
      `${readers[batch[0]?.tool ?? 'sh']} <<'EOF'\n${batch.map(({ text }) => resolve(text, end, names)).join('\n')}\nEOF`,
  );
  return `apply() {\nset -e\n${steps.join('\n')}\n}\n(apply)`;
}

/** Applies commands at an end of a device. @throws Error with what the tool wrote */
export async function applyCommands(
  shell: NamespaceShell,
  commands: readonly StateCommand[],
  end: DeviceEnd,
  names: DeviceNames,
): Promise<void> {
  const script = formatScript(commands, end, names);
  const { status, output, errors } = await shell.run(script);
  // tc and ip end with 0 after some refusals of a batch, and warn on standard error of what is no refusal.
  if (status !== 0 || /^(RTNETLINK answers|Error|Command failed)/m.test(errors))
    throw new Error(`apply at the ${end}: status ${status}: ${errors || output}\n${script}`);
}
