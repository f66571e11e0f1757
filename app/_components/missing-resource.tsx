import Link from 'next/link';
import { ApiError } from '../_lib/api.ts';
import { Button } from './button.tsx';
import { EmptyState } from './empty-state.tsx';
import { ErrorState } from './error-state.tsx';

interface MissingResourceProps {
  error: Error;
  /** Title to show if the resource does not exist; null if loading failed for another reason. */
  gone: string | null;
  /** Link to the list of resources of this type. */
  list: { href: string; words: string };
  retry: () => void;
}

/** Renders a message in place of a page whose resource does not exist or could not be loaded. */
export function MissingResourceNotice({ error, gone, list, retry }: MissingResourceProps) {
  if (gone === null) return <ErrorState error={error} retry={retry} />;
  return (
    <EmptyState
      title={gone}
      action={
        <Button asChild>
          <Link href={list.href}>{list.words}</Link>
        </Button>
      }
    >
      <p>{error.message}</p>
      {error instanceof ApiError && error.hint !== undefined && <p className="mt-1">{error.hint}</p>}
    </EmptyState>
  );
}
