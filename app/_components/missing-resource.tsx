import Link from 'next/link';
import { ApiError } from '../_lib/api.ts';
import { Button } from './button.tsx';
import { EmptyState } from './empty-state.tsx';
import { ErrorState } from './error-state.tsx';

interface MissingResourceProps {
  error: Error;
  /** Said where the node has no such thing; null: it is not that, the call failed. */
  gone: string | null;
  /** Where all of them are listed. */
  list: { href: string; words: string };
  retry: () => void;
}

/** What stands in place of the page of one thing that the node does not have, or that cannot be read. */
export function MissingResource({ error, gone, list, retry }: MissingResourceProps) {
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
