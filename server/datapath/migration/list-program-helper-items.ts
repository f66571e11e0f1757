import type { Hook, HookFamily } from '../../../contract/device.ts';
import type { MigrationItem } from '../../../contract/migration.ts';
import { readCalledFunctions } from '../../bpf/called-functions.ts';
import { probedHelpers, probeNetkitHelpers } from '../../kernel/netkit-helpers.ts';
import type { CarriedProgram } from '../device/carried-programs.ts';
import { podlaneProgramHooks } from '../device/program-hooks.ts';
import { createMigrationItem } from './plan-items.ts';

/**
 * Helpers and kernel functions that look up interfaces, routes, sockets or connections in the namespace of the packet's
 * device: at netkit/primary that is the pod's, at all other hooks the host's. The kernel has variants of some for tc.
 */
const ofNamespace =
  /^bpf_(clone_redirect|redirect(_neigh)?|(skb_)?fib_lookup|(tc_)?skc?_lookup_(tcp|udp)|skb_ct_lookup|skb_ct_alloc)$/;

/**
 * Lists the programs of others whose helpers do something else at the hooks of the new device, as items of the plan. A
 * program whose calls cannot be read is an item of outcome `unknown`.
 * @param hooks hook families of the old device and of the new one
 */
export async function listProgramHelperItems(
  programs: readonly CarriedProgram[],
  hooks: { old: HookFamily; new: HookFamily },
): Promise<MigrationItem[]> {
  if ((hooks.old === 'netkit') === (hooks.new === 'netkit')) return [];
  const items: MigrationItem[] = [];
  for (const program of programs) {
    const hook = podlaneProgramHooks[hooks.new][program.direction];
    const called = readCalledFunctions(program.id);
    if (called === null) continue; // it has ended meanwhile
    for (const { helper, outcome, becomes } of await listChangedHelpers(called.names, program, hook))
      items.push(
        createMigrationItem(
          'host',
          'program helper',
          `${program.hook} ${program.id} ${helper}`,
          `${helper} in ${describe(program)}`,
          outcome,
          becomes,
        ),
      );
    if (called.unread !== null)
      items.push(
        createMigrationItem(
          'host',
          'program helper',
          `${program.hook} ${program.id}`,
          `helpers of ${describe(program)}`,
          'unknown',
          `${called.unread}; some helpers do something else at ${hook}`,
        ),
      );
  }
  return items;
}

async function listChangedHelpers(
  names: ReadonlySet<string>,
  { direction, hook: old }: CarriedProgram,
  hook: Hook,
): Promise<{ helper: string; outcome: 'changed' | 'unknown'; becomes: string }[]> {
  if (direction === 'ingress') {
    const [from, to] = hook === 'netkit/primary' ? ['host’s', 'pod’s'] : ['pod’s', 'host’s'];
    return [...names]
      .filter((name) => ofNamespace.test(name))
      .map((helper) => ({
        helper,
        outcome: 'changed' as const,
        becomes: `at ${hook} it looks in the ${to} namespace, and no longer in the ${from} as at ${old}`,
      }));
  }
  if (hook !== 'netkit/peer' || !probedHelpers.some((helper) => names.has(helper))) return [];
  return (await probeNetkitHelpers())
    .filter(({ helper, works }) => names.has(helper) && works !== true)
    .map(({ helper, works, detail }) =>
      works === false
        ? { helper, outcome: 'changed', becomes: `at ${hook} ${detail}` }
        : {
            helper,
            outcome: 'unknown',
            becomes: `whether it works at ${hook} could not be tried: ${detail}`,
          },
    );
}

const describe = ({ name, id, hook }: CarriedProgram): string =>
  `program ${name || 'without a name'} (id ${id}) on ${hook}`;
