import { SeededRandom } from '../random.ts';
import { applyCommands } from './apply.ts';
import { difference } from './difference.ts';
import { bothEnds, type DeviceEnd, type ElementKind, linesOf } from './element.ts';
import { elementContexts } from './generate.ts';
import { elementKinds, kindName } from './kinds/all.ts';
import { probeElementKinds } from './probe-kinds.ts';
import { ScratchDevice } from './scratch-device.ts';
import { snapshot, waitUntilSettled } from './snapshot.ts';

/**
 * Adds an element of each kind that the kernel has to a device, one after the other, at both ends at once.
 * @returns names of the kinds whose elements the oracle did not see
 */
export async function unseenKinds(): Promise<{ tried: number; unseen: string[] }> {
  const { has } = await probeElementKinds();
  await using device = await ScratchDevice.open();
  const context = elementContexts(new SeededRandom(2), 0);
  const names = [...new Set(elementKinds.filter((kind) => has.has(kind)).map(({ name }) => name))];
  // Each sysctl has a line of its own: one snapshot shows them all.
  const sysctls = names.filter((name) => name.startsWith('sysctl: '));
  const others = names.filter((name) => !sysctls.includes(name));
  const at = (name: string, end: DeviceEnd): ElementKind | undefined =>
    elementKinds.find((kind) => kind.name === name && kind.end === end);
  const unseen: string[] = [];
  let before = await snapshot(device.shells, device.names);
  const add = async (kind: ElementKind): Promise<void> => {
    const apply = (commands: ReturnType<ElementKind['commands']>): Promise<void> =>
      applyCommands(device.shells[kind.end], commands, kind.end, device.names);
    if (kind.alternative === 'root qdisc')
      await apply(linesOf('tc')('qdisc delete dev DEV root')).catch(() => {});
    if (kind.phase === 'bridge') await apply(linesOf('ip')('link set dev DEV nomaster'));
    await apply(kind.commands(context()));
  };
  for (const name of others) {
    const kinds = bothEnds.flatMap((end) => at(name, end) ?? []);
    for (const kind of kinds) await add(kind);
    const after = await snapshot(device.shells, device.names);
    const found = difference(before, after, 'same-kind');
    unseen.push(...kinds.filter(({ end }) => !found.some((each) => each.end === end)).map(kindName));
    before = after;
  }
  unseen.push(
    ...(await unseenSysctls(
      device,
      sysctls.flatMap((name) => bothEnds.flatMap((end) => at(name, end) ?? [])),
      context,
    )),
  );
  return { tried: names.length, unseen };
}

/** Sets all sysctls, and again to other values. */
async function unseenSysctls(
  device: ScratchDevice,
  kinds: readonly ElementKind[],
  context: ReturnType<typeof elementContexts>,
): Promise<string[]> {
  const first = kinds.map((kind) => kind.commands(context()));
  const second = kinds.map((kind, i) => {
    for (let tries = 0; tries < 200; tries++) {
      const commands = kind.commands(context());
      if (commands[0]?.text !== first[i]?.[0]?.text) return commands;
    }
    throw new Error(`${kindName(kind)} has one value only`);
  });
  const read = async (all: typeof first): ReturnType<typeof snapshot> => {
    for (const end of bothEnds)
      await applyCommands(
        device.shells[end],
        all.flatMap((commands, i) => (kinds[i]?.end === end ? commands : [])),
        end,
        device.names,
      );
    await waitUntilSettled(device.shells);
    return snapshot(device.shells, device.names);
  };
  const before = await read(first);
  const found = difference(before, await read(second), 'same-kind');
  return kinds
    .filter(
      ({ end, name }) =>
        !found.some((each) => each.end === end && each.section === 'sysctl' && lineOf(name) === each.line),
    )
    .map(kindName);
}

/** `sysctl: ipv4/conf/rp_filter` is the line `ipv4/conf/DEV/rp_filter`. */
const lineOf = (name: string): string => name.replace('sysctl: ', '').replace(/\/(\w+)$/, '/DEV/$1');
