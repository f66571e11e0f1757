import { createHash } from 'node:crypto';
import type { DeviceKind } from '../../../contract/device.ts';
import type { MigrationCheck, MigrationItem } from '../../../contract/migration.ts';
import { formatMigrationItem, needsAcceptance } from '../../../contract/migration-items.ts';
import { type ProblemCode, ProblemError } from '../../../contract/problem.ts';
import type { PodRecord } from '../../store/records.ts';
import { listPodGateways, stripPrefixLength } from '../device/pod-gateways.ts';
import { isTemporaryAddress } from '../network-state/address-requests.ts';
import { listPortSettings } from '../network-state/bridge-port.ts';
import { type DeviceState, hasLinkLayerAddresses } from '../network-state/end-state.ts';
import { addressSetting, filterSetting, listSettings } from '../network-state/list-settings.ts';
import type { Setting } from '../network-state/setting.ts';
import { canCarryFilter, isFilter } from '../network-state/traffic-control-requests.ts';
import { deviceEndNames } from './device-ends.ts';

/** Maximum number of settings of one kind that are items of their own; more are one item. */
const maxOfKind = 20;

/** What `listLostSettings` decides by: the pod, the state of its device, and the kind of the new one. */
export interface LostSettingsInput {
  pod: PodRecord;
  state: DeviceState;
  to: DeviceKind;
}

/** Lists what a migration cannot carry over to the new kind of device, from the recorded state alone. */
export function listLostSettings({ pod, state, to }: LostSettingsInput): MigrationItem[] {
  return deviceEndNames.flatMap((end) => {
    const settings = listSettings(state[end]);
    const withoutMacs = to === 'netkit' && pod.network.netkit.mode === 'l3';
    return [
      ...(withoutMacs && listPortSettings(state[end].link).length > 0
        ? [
            createMigrationItem(
              end,
              'bridge port',
              null,
              `${state[end].name} as the port of a bridge`,
              'refused',
              'a bridge takes no interface without a link-layer address, as netkit in L3 mode is: use mode l2',
            ),
          ]
        : []),
      ...groupItems(
        end,
        state[end].addresses
          .filter(isTemporaryAddress)
          .map((address) => addressSetting(address, state[end].name)),
        'it stays, but no longer as a temporary one: the kernel makes no other from its prefix when it expires',
        'changed',
      ),
      ...(withoutMacs && hasLinkLayerAddresses(state[end])
        ? groupItems(
            end,
            settings.filter(({ kind, text }) => kind === 'neighbour' && !isOwn(text, pod)),
            'netkit in L3 mode has no link-layer addresses, so it keeps no neighbor entries; packets need none there',
          )
        : []),
      ...groupItems(
        end,
        state[end].filters.filter((filter) => isFilter(filter) && !canCarryFilter(filter)).map(filterSetting),
        'u32 filters in hash tables of their own cannot be made again from what the kernel reports',
      ),
      ...(to === 'netkit'
        ? groupItems(
            end,
            settings.filter(({ kind }) => kind === 'XDP program'),
            'netkit has no XDP hook: the program no longer runs',
          )
        : []),
      ...(to === 'netkit'
        ? groupItems(
            end,
            settings.filter(
              ({ kind, key, value }) => kind === 'queue setting' && isOfSecondQueue(key) && isSet(value),
            ),
            'netkit has one queue: packets are no longer spread by it',
          )
        : []),
    ];
  });
}

const isOfSecondQueue = (key: string): boolean => !key.startsWith('rx-0/') && !key.startsWith('tx-0/');
const isSet = (value: string): boolean => /[1-9a-f]/.test(value);

const isOwn = (text: string, { network }: PodRecord): boolean =>
  [...network.addresses.map(stripPrefixLength), ...listPodGateways(network)].some((address) =>
    text.startsWith(`${address} `),
  );

/** Turns settings of one kind into items: one each, or one for all if there are many. */
export function groupItems(
  end: MigrationItem['end'],
  settings: readonly Pick<Setting, 'kind' | 'key' | 'text'>[],
  becomes: string,
  outcome: 'lost' | 'changed' = 'lost',
): MigrationItem[] {
  const [first] = settings;
  if (first === undefined) return [];
  if (settings.length <= maxOfKind)
    return settings.map(({ kind, key, text }) => createMigrationItem(end, kind, key, text, outcome, becomes));
  const some = settings.slice(0, 3).map(({ text }) => text);
  return [
    createMigrationItem(
      end,
      first.kind,
      null,
      `${settings.length} of kind ${first.kind}: ${some.join(', ')} and others`,
      outcome,
      becomes,
    ),
  ];
}

/** Creates an item; its id is the same in every plan of the same state. */
export const createMigrationItem = (
  end: MigrationItem['end'],
  kind: string,
  key: string | null,
  name: string,
  outcome: MigrationItem['outcome'],
  becomes: string,
): MigrationItem => ({
  id: shortenId(`${end}/${kind}/${key ?? '*'}`),
  end,
  kind,
  key,
  name,
  outcome,
  becomes,
});

/** Maximum length of an item's id, and that of its beginning where the rest is a digest. */
const maxIdLength = 200;
const idStart = 160;

/** Shortens an id to its beginning and a digest of the whole, so that long ids stay apart. */
function shortenId(id: string): string {
  if (id.length <= maxIdLength) return id;
  return `${id.slice(0, idStart)}#${createHash('sha256').update(id).digest('hex').slice(0, 32)}`;
}

/** Turns items into checks, so that they are seen wherever the checks of a plan are. */
export const toChecks = (items: readonly MigrationItem[]): MigrationCheck[] =>
  items.map(({ end, kind, outcome, ...text }) => ({
    topic: 'item',
    name:
      outcome === 'refused'
        ? `The ${kind} of the ${endNames[end]} cannot be carried over`
        : `The ${kind} of the ${endNames[end]} ${outcome === 'unknown' ? 'may be lost' : `will be ${outcome}`}`,
    state: outcome === 'refused' ? 'refused' : 'note',
    detail: formatMigrationItem(text),
    code: outcome === 'refused' ? 'not_carried' : null,
  }));

const endNames: Record<MigrationItem['end'], string> = { pod: 'pod’s interface', host: 'host’s interface' };

/**
 * Throws if an item that is lost or changed was not accepted.
 * @param accept ids of accepted items; `*` accepts all
 * @throws ProblemError `loss_not_accepted` with the items
 */
export function requireAcceptance(
  items: readonly MigrationItem[],
  accept: readonly string[],
  what: string,
): void {
  if (accept.includes('*')) return;
  const missing = items.filter((each) => needsAcceptance(each) && !accept.includes(each.id));
  if (missing.length === 0) return;
  const code: ProblemCode = 'loss_not_accepted';
  throw new ProblemError(
    code,
    `${what}: ${missing.length === 1 ? 'one thing' : `${missing.length} things`} would not be as before: ${missing
      .slice(0, 8)
      .map(({ name, becomes }) => `${name} (${becomes})`)
      .join('; ')}`,
    {
      errors: missing.map((each) => ({ path: each.id, message: formatMigrationItem(each) })),
      hint: 'Read the items of the plan (dryRun), then send their ids in `accept`, or `["*"]` for all.',
    },
  );
}
