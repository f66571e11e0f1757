import type { DeviceKind } from '../../../../contract/device.ts';

/** Content of the sheet, stored in the URL so that it can be linked to: `?migrate=veth`, `?migration=ID`. */
export type MigrationSheetState =
  | { show: 'nothing' }
  | { show: 'plan'; to: DeviceKind }
  | { show: 'migration'; id: string };

/** Parses the URL's parameters; invalid ones show no sheet. */
export function parseMigrationSheetState(
  migrate: string | null,
  migration: string | null,
): MigrationSheetState {
  if (migration !== null && migration !== '') return { show: 'migration', id: migration };
  return migrate === 'netkit' || migrate === 'veth' ? { show: 'plan', to: migrate } : { show: 'nothing' };
}
