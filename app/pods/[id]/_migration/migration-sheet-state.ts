import type { DeviceKind } from '../../../../contract/device.ts';

/** Content of the migration sheet, stored in the URL so that it can be linked to: `?migrate=veth`, `?migration=ID`. */
export type MigrationSheetState =
  | { show: 'nothing' }
  | { show: 'plan'; to: DeviceKind }
  | { show: 'migration'; id: string };

/** Parses the migration sheet's state from the URL's parameters; invalid parameters show no sheet. */
export function parseMigrationSheetState(
  migrate: string | null,
  migration: string | null,
): MigrationSheetState {
  if (migration !== null && migration !== '') return { show: 'migration', id: migration };
  return migrate === 'netkit' || migrate === 'veth' ? { show: 'plan', to: migrate } : { show: 'nothing' };
}
