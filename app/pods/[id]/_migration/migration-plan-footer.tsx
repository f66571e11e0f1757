import type { RefObject } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import { Button, KeyboardKey } from '../../../_components/button.tsx';
import { formatAcceptFirst, formatMigrateButtonLabel, migrationText } from './text.ts';

/** Renders the buttons that cancel a planned migration or start it. */
export function MigrationPlanFooter(props: {
  to: DeviceKind;
  ready: boolean;
  refused: boolean;
  /** Number of items that have to be accepted before. */
  unaccepted: number;
  pending: boolean;
  confirm: RefObject<HTMLButtonElement | null>;
  onConfirm: () => void;
  onCancel: () => void;
}) {
  const { to, ready, refused, unaccepted, pending, confirm, onConfirm, onCancel } = props;
  return (
    <>
      <span className="min-w-0 flex-1 text-12 text-muted max-md:flex-none">
        {pending
          ? migrationText.pending
          : refused
            ? migrationText.refused
            : unaccepted > 0
              ? formatAcceptFirst(unaccepted)
              : to === 'veth'
                ? migrationText.canPromote
                : migrationText.canFallBack}
      </span>
      <span className="ml-auto flex flex-wrap justify-end gap-3">
        <Button size="large" onClick={onCancel}>
          {migrationText.cancel}
        </Button>
        <Button ref={confirm} look="primary" size="large" disabled={!ready || pending} onClick={onConfirm}>
          {formatMigrateButtonLabel(to)}
          {ready && !pending && (
            <span aria-hidden="true" className="[&>kbd]:border-current [&>kbd]:text-current">
              <KeyboardKey>Enter</KeyboardKey>
            </span>
          )}
        </Button>
      </span>
    </>
  );
}
