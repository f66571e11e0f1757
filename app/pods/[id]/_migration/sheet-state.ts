import type { DeviceKind } from '../../../../contract/device.ts';

/** What the sheet shows, kept in the address so that it can be linked to: `?migrate=veth`, `?migration=ID`. */
export type MigrationSheetState =
  | { show: 'nothing' }
  | { show: 'plan'; to: DeviceKind }
  | { show: 'migration'; id: string };

/** Reads the address; what it does not understand shows nothing. */
export function parseMigrationSheetState(
  migrate: string | null,
  migration: string | null,
): MigrationSheetState {
  if (migration !== null && migration !== '') return { show: 'migration', id: migration };
  return migrate === 'netkit' || migrate === 'veth' ? { show: 'plan', to: migrate } : { show: 'nothing' };
}
