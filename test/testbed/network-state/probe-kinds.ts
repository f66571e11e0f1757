import { SeededRandom } from '../random.ts';
import { applyCommands } from './apply.ts';
import { type ElementKind, linesOf } from './element.ts';
import { elementContexts } from './generate.ts';
import { elementKinds, kindName } from './kinds/all.ts';
import { ScratchDevice } from './scratch-device.ts';

/** What a kernel and its tools have, and why they lack the rest. */
export interface KnownKinds {
  has: ReadonlySet<ElementKind>;
  lacks: ReadonlyMap<string, string>;
}

/**
 * Tries each kind of element on a device of its own namespaces; what is refused, this kernel or its tools lack. Kinds of
 * both ends are tried at one of them.
 */
export async function probeElementKinds(): Promise<KnownKinds> {
  const lacks = new Map<string, string>();
  await using device = await ScratchDevice.open();
  const context = elementContexts(new SeededRandom(1), 0);
  const tried = new Map<string, string | null>();
  const tryKind = async (kind: ElementKind): Promise<string | null> => {
    const { end, alternative } = kind;
    const apply = (commands: Parameters<typeof applyCommands>[1]): Promise<void> =>
      applyCommands(device.shells[end], commands, end, device.names);
    try {
      await apply(kind.commands(context()));
      if (alternative === 'root qdisc') await apply(linesOf('tc')('qdisc delete dev DEV root'));
      if (kind.phase === 'bridge') await apply(linesOf('ip')('link set dev DEV nomaster'));
      return null;
    } catch (error) {
      if (alternative === 'root qdisc')
        await apply(linesOf('tc')('qdisc delete dev DEV root')).catch(() => {});
      const said = (error as Error).message.split('\n').find((line) => !line.startsWith('Warning')) ?? '';
      return said.slice(0, 160);
    }
  };
  for (const kind of elementKinds) {
    if (!tried.has(kind.name)) tried.set(kind.name, await tryKind(kind));
    const refusal = tried.get(kind.name);
    if (refusal) lacks.set(kindName(kind), refusal);
  }
  return { has: new Set(elementKinds.filter((kind) => !lacks.has(kindName(kind)))), lacks };
}
