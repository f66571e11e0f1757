import { ApiError } from '../_lib/api.ts';
import { VerifierErrorDetails } from './verifier-error.tsx';
import { WarningIcon } from './warning-icon.tsx';

/** Shows an API error with its detail, hint and verifier output; `title` is used if the error has no title. */
export function ErrorNotice({ error, title }: { error: Error; title: string }) {
  const api = error instanceof ApiError ? error : null;
  return (
    <div className="grid gap-4">
      <div role="alert" className="flex gap-3 rounded-2 border border-signal bg-signal-wash px-4 py-2.5">
        <WarningIcon className="mt-0.5 size-4" />
        <div className="min-w-0">
          <p className="font-semibold">{api?.title ?? title}</p>
          <p className="whitespace-pre-line text-12 [overflow-wrap:anywhere]">{error.message}</p>
          {api?.hint !== undefined && api.verifier === undefined && (
            <p className="text-12 text-ink-2">{api.hint}</p>
          )}
        </div>
      </div>
      {api?.verifier !== undefined && <VerifierErrorDetails refusal={api.verifier} />}
    </div>
  );
}
