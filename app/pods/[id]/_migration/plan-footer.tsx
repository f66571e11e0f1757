import type { RefObject } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import { Button, Key } from '../../../_components/button.tsx';
import { migrationLabel } from './text.ts';

/** Cancel and the one that does it; its name is the sheet's. */
export function PlanFooter(props: {
  to: DeviceKind;
  ready: boolean;
  refused: boolean;
  pending: boolean;
  confirm: RefObject<HTMLButtonElement | null>;
  onConfirm: () => void;
  onCancel: () => void;
}) {
  const { to, ready, refused, pending, confirm, onConfirm, onCancel } = props;
  const back = to === 'veth' ? 'promote' : 'fall';
  return (
    <>
      <span className="text-12 text-muted">
        {pending
          ? 'The agent has been asked; the first step comes in a moment.'
          : refused
            ? 'Refused: the checks above say why.'
            : `A pod that is running stays running. You can ${back} it back at any time.`}
      </span>
      <span className="flex-1" />
      <Button size="large" onClick={onCancel}>
        Cancel
      </Button>
      <Button ref={confirm} look="primary" size="large" disabled={!ready || pending} onClick={onConfirm}>
        {migrationLabel(to)}
        {ready && !pending && (
          <span aria-hidden="true" className="[&>kbd]:border-current [&>kbd]:text-current">
            <Key>Enter</Key>
          </span>
        )}
      </Button>
    </>
  );
}
