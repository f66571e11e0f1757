import type { DeviceState } from '../network-state/end-state.ts';

/** What a migration records before it changes anything, to carry it over and to undo by it after a crash. */
export interface RecordedState {
  state: DeviceState;
  /** Names that the new device takes over: of the pod's interface, and of the primary on the host. */
  names: { pod: string; host: string };
  /** Ids of the plan's items that were accepted, with what they say. */
  accepted: readonly { id: string; kind: string; key: string | null }[];
}

const bytesKey = '$bytes';

/** Encodes a recorded state as JSON, with bytes in base64. */
export const encodeRecordedState = (recorded: RecordedState): string =>
  JSON.stringify(recorded, (_key, value: unknown) => {
    const buffer = value as { type?: string; data?: number[] } | null;
    return buffer?.type === 'Buffer' && Array.isArray(buffer.data)
      ? { [bytesKey]: Buffer.from(buffer.data).toString('base64') }
      : value;
  });

/** Decodes a recorded state. @throws SyntaxError for other texts */
export const decodeRecordedState = (text: string): RecordedState =>
  JSON.parse(text, (_key, value: unknown) => {
    const bytes = (value as Record<string, unknown> | null)?.[bytesKey];
    return typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : value;
  }) as RecordedState;
