import type { RefObject } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import { Button, KeyboardKey } from '../../../_components/button.tsx';
import { formatMigrateButtonLabel, migrationText } from './text.ts';

/** Renders the buttons that cancel a planned migration or start it. */
export function MigrationPlanFooter(props: {
  to: DeviceKind;
  ready: boolean;
  refused: boolean;
  pending: boolean;
  confirm: RefObject<HTMLButtonElement | null>;
  onConfirm: () => void;
  onCancel: () => void;
}) {
  const { to, ready, refused, pending, confirm, onConfirm, onCancel } = props;
  return (
    <>
      <span className="text-12 text-muted">
        {pending
          ? migrationText.pending
          : refused
            ? migrationText.refused
            : to === 'veth'
              ? migrationText.canPromote
              : migrationText.canFallBack}
      </span>
      <span className="flex-1" />
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
    </>
  );
}
