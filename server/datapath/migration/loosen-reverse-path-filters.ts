import { readSysctl, writeSysctl } from '../../kernel/sysctl.ts';
import {
  isStrictReversePathFilter,
  looseReversePathFilter,
  type ReversePathFilter,
  readReversePathFilter,
  reversePathSysctl,
} from '../device/reverse-path-filter.ts';
import type { DeviceEndName, EndState } from '../network-state/end-state.ts';
import { readEndLink } from '../network-state/read-end-state.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import type { MigrationStepContext } from './step-definition.ts';

type Sysctl = EndState['sysctls'][number];

/**
 * Makes strict reverse path filters of the old device loose: while the routes of one end have moved and those of the
 * other have not, packets arrive on the device that is not routed to, which a strict filter drops. Idempotent.
 */
export async function loosenReversePathFilters(context: MigrationStepContext): Promise<void> {
  for (const end of deviceEndNames) {
    const { namespaceFd } = getDeviceEnd(context, 'old', end);
    const { name } = await readEndLink(getDeviceEnd(context, 'old', end));
    if (isStrictReversePathFilter(readReversePathFilter(name, namespaceFd)))
      writeSysctl(reversePathSysctl(name), looseReversePathFilter, namespaceFd);
  }
}

/** Returns the filter of an interface as it was recorded, with the value of its namespace for all interfaces. */
export const getRecordedFilter = (state: EndState, namespaceFd?: number): ReversePathFilter => ({
  all: readSysctl(reversePathSysctl('all'), namespaceFd),
  own: state.sysctls.find(isFilter)?.value ?? '0',
});

/** Gives the filters of the old device their recorded values again. Idempotent. */
export async function restoreReversePathFilters(context: MigrationStepContext): Promise<void> {
  for (const end of deviceEndNames) {
    const recorded = context.recorded.state[end].sysctls.find(isFilter);
    const { namespaceFd } = getDeviceEnd(context, 'old', end);
    const { name } = await readEndLink(getDeviceEnd(context, 'old', end));
    if (recorded && readReversePathFilter(name, namespaceFd).own === looseReversePathFilter)
      writeSysctl(reversePathSysctl(name), recorded.value, namespaceFd);
  }
}

/** Returns the state of an old end with the recorded value of its filter, if it was read while the filter is loose. */
export function withRecordedReversePathFilter(
  { recorded }: MigrationStepContext,
  end: DeviceEndName,
  state: EndState,
): EndState {
  const before = recorded.state[end].sysctls.find(isFilter);
  return {
    ...state,
    sysctls: state.sysctls.map((sysctl) =>
      isFilter(sysctl) && sysctl.value === looseReversePathFilter && before ? before : sysctl,
    ),
  };
}

const isFilter = ({ tree, name }: Sysctl): boolean => tree === 'net/ipv4/conf' && name === 'rp_filter';
