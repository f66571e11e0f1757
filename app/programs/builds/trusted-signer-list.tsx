'use client';

import { CopyButton } from '../../_components/copy-button.tsx';
import { ErrorState } from '../../_components/error-state.tsx';
import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { useTrustedSigners } from './build-queries.ts';
import { buildsText } from './text.ts';

/** Lists the keys that are trusted to sign datapath builds. */
export function TrustedSignerList() {
  const { data: signers, error, refetch } = useTrustedSigners();
  return (
    <section aria-labelledby="signers" aria-busy={signers === undefined && error === null} className="mt-6">
      <h2 id="signers" className="flex min-h-8 items-center font-semibold">
        {buildsText.trustedKeys}
      </h2>
      <div className="border-line-2 border-t">
        {signers === undefined ? (
          error !== null ? (
            <div className="pt-3">
              <ErrorState error={error} retry={() => void refetch()} />
            </div>
          ) : (
            <span className="flex h-9 items-center">
              <ValueSkeleton className="w-60" />
            </span>
          )
        ) : signers.length === 0 ? (
          <p className="py-2 text-12 text-ink-2">
            {buildsText.noTrustedKeys} <code className="code">--trust DIR</code>.
          </p>
        ) : (
          <ul>
            {signers.map(({ name, fingerprint }) => (
              <li key={fingerprint} className="flex min-h-8 items-center gap-2 border-line-1 border-b">
                <b className="font-[550]">{name}</b>
                <span className="flex-1" />
                <span className="code text-muted" title={fingerprint}>
                  {fingerprint.slice(0, 16)}
                </span>
                <CopyButton
                  text={fingerprint}
                  what={buildsText.copyFingerprint}
                  className="size-6! text-muted"
                />
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}
