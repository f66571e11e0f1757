import { Check, CircleDashed, CircleDot } from 'lucide-react';
import type { DebugDumpPart } from '../../contract/debug-dump.ts';
import { WarningIcon } from '../_components/warning-icon.tsx';
import { formatByteSize } from '../_lib/format.ts';
import { debugText } from './text.ts';

/** Shows the progress and problems of each part of a debug dump. */
export function DebugDumpPartList({ parts }: { parts: readonly DebugDumpPart[] }) {
  return (
    <ol className="mt-2 max-w-[720px] border-line-1 border-t text-13">
      {parts.map((part) => (
        <Part key={part.name} part={part} />
      ))}
    </ol>
  );
}

function Part({ part: { name, state, files, bytes: size, problems } }: { part: DebugDumpPart }) {
  return (
    <li className="border-line-1 border-b py-1">
      <div className="grid grid-cols-[18px_minmax(0,1fr)_72px_84px] items-center gap-x-1.5">
        <StateMark state={state} />
        <span className={state === 'waiting' ? 'text-muted' : ''}>
          {debugText.parts[name].title}
          <span className="sr-only">, {words[state]}</span>
        </span>
        <span className="text-right text-12 text-muted tabular-nums">
          {state !== 'waiting' && debugText.fileCount(files)}
        </span>
        <span className="text-right text-12 text-muted tabular-nums">
          {state !== 'waiting' && formatByteSize(size)}
        </span>
      </div>
      {problems.length > 0 && (
        <ul className="mt-0.5 ml-6 grid gap-0.5 text-12">
          {problems.map(({ path, problem }) => (
            <li key={path} className="flex items-start gap-1.5">
              <WarningIcon className="mt-px size-3.5" />
              <span className="min-w-0 [overflow-wrap:anywhere]">
                <span className="code">{path}</span> <span className="text-ink-2">{problem}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

const words = { waiting: 'waiting', running: 'running', done: 'done' } as const;

function StateMark({ state }: { state: DebugDumpPart['state'] }) {
  const icon = { 'aria-hidden': true, className: 'size-3.5', strokeWidth: 1.6 } as const;
  if (state === 'waiting') return <CircleDashed {...icon} className="size-3.5 text-muted" />;
  if (state === 'running') return <CircleDot {...icon} className="size-3.5 text-accent-text" />;
  return <Check {...icon} className="size-3.5 text-accent-text" strokeWidth={2.4} />;
}
