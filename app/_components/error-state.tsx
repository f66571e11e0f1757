import { ApiError } from '../_lib/api.ts';
import { sharedText } from '../_text/shared.ts';
import { Button } from './button.tsx';
import { EmptyState } from './empty-state.tsx';

/** Renders an error in place of a page whose data could not be loaded: title, detail, hint and a button to retry. */
export function ErrorState({ error, retry }: { error: Error; retry?: () => void }) {
  const api = error instanceof ApiError ? error : null;
  return (
    <div role="alert">
      <EmptyState
        title={api?.title ?? sharedText.pageFailed}
        action={retry !== undefined && <Button onClick={retry}>{sharedText.tryAgain}</Button>}
      >
        <p>{error.message}</p>
        {api?.hint !== undefined && <p className="mt-1">{api.hint}</p>}
        {api !== null && (
          <p className="mt-1 text-12 text-muted">
            <span className="code">{api.code}</span>
            {api.status > 0 && `, HTTP ${api.status}`}
          </p>
        )}
      </EmptyState>
    </div>
  );
}
