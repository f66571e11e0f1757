import { CopyButton } from '../_components/copy-button.tsx';
import { preflightText } from './text.ts';

/** Shows a command that can be copied. */
export const RemedyCommand = ({ command }: { command: string }) => (
  <span className="mt-0.5 flex items-start gap-1">
    <code className="code min-w-0 flex-none self-center rounded-1 bg-surface-2 px-1.5 py-0.5 text-12 [overflow-wrap:anywhere] max-w-[calc(100%-32px)]">
      {command}
    </code>
    <CopyButton text={command} what={preflightText.copyCommand} />
  </span>
);
