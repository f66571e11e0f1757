import type { ReactNode } from 'react';
import type { VerifierRefusal as Refusal } from '../../contract/problem.ts';
import { sharedText } from '../_text/shared.ts';
import { CopyButton } from './copy-button.tsx';

const head = 'text-12 text-muted';

/** Shows an error of the BPF verifier: message, source line, instructions, register state and the end of the log. */
export function VerifierErrorDetails({ refusal }: { refusal: Refusal }) {
  const { program, message, meaning, source, instruction, before, registers, log } = refusal;
  return (
    <section aria-label={sharedText.verifierOutput} className="grid min-w-0 gap-3">
      <div>
        <p className={head}>
          {sharedText.verifierRejected} <span className="code text-ink-2">{program}</span>
        </p>
        <p className="font-semibold [overflow-wrap:anywhere]">{message}</p>
        {meaning !== null && <p className="text-ink-2">{meaning}</p>}
      </div>
      {source !== null && (
        <div>
          <p className={head}>
            Source
            {source.file !== null && `, ${source.file}${source.line === null ? '' : `:${source.line}`}`}
          </p>
          <Code>{source.text}</Code>
        </div>
      )}
      {instruction !== null && (
        <div>
          <p className={head}>{sharedText.instructionsBefore}</p>
          <Code>
            {before.join('\n')}
            {before.length > 0 && '\n'}
            <b className="text-signal-text">
              {instruction.number}: {instruction.text}
            </b>
          </Code>
        </div>
      )}
      {registers.length > 0 && (
        <div>
          <p className={head}>{sharedText.registerState}</p>
          <Code>{registers.join('\n')}</Code>
        </div>
      )}
      <details>
        <summary className="w-fit cursor-pointer text-12 text-muted hover:text-ink-1">
          {sharedText.verifierLogTail(log.split('\n').length)}
        </summary>
        <div className="flex items-start gap-2">
          <Code>{log}</Code>
          <CopyButton text={log} what={sharedText.copyVerifierLog} />
        </div>
      </details>
    </section>
  );
}

const Code = ({ children }: { children: ReactNode }) => (
  <pre className="min-w-0 flex-1 whitespace-pre-wrap font-mono text-[11.5px] leading-[18px] [font-feature-settings:'calt'_0] [overflow-wrap:anywhere]">
    {children}
  </pre>
);
