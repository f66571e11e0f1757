import Link from 'next/link';
import { Button } from './_components/button.tsx';
import { EmptyState } from './_components/empty-state.tsx';

export const metadata = { title: 'Not found' };

export default function NotFound() {
  return (
    <div className="px-(--gutter) py-6">
      <h1 className="sr-only">Not found</h1>
      <EmptyState
        title="No such page"
        action={
          <Button asChild>
            <Link href="/pods">All pods</Link>
          </Button>
        }
      >
        The address leads nowhere. It may be mistyped, or what it showed is gone.
      </EmptyState>
    </div>
  );
}
