import { sharedText } from '../../_text/shared.ts';
import { KeyboardKey } from '../button.tsx';
import { WarningIcon } from '../warning-icon.tsx';

interface TableFooterProps {
  /** Keyboard shortcuts that the footer lists, except those that move between rows. */
  keys: string;
  /** Number of rows and the time they were read. */
  text: string;
  /** Error of the last refresh; null if the data is current. */
  failed?: Error | null;
}

/**
 * Renders the footer of a table at the bottom of the window: keyboard shortcuts, number of rows and refresh errors.
 */
export function TableFooter({ keys, text, failed = null }: TableFooterProps) {
  return (
    <footer className="sticky bottom-0 z-10 flex h-8 items-center gap-1.5 whitespace-nowrap border-line-1 border-t bg-surface-0 px-(--gutter) text-12 text-muted tabular-nums">
      <span className="max-md:hidden">
        <KeyboardKey>↑</KeyboardKey> <KeyboardKey>↓</KeyboardKey> {sharedText.keyHints(keys)}
      </span>
      <span className="flex-1" />
      {failed !== null && (
        <span className="flex min-w-0 items-center gap-1.5 text-ink-2" title={failed.message}>
          <WarningIcon /> {sharedText.refreshFailed}
        </span>
      )}
      <span role="status">{text}</span>
    </footer>
  );
}
