import Link from 'next/link';
import { Button } from './_components/button.tsx';
import { EmptyState } from './_components/empty-state.tsx';
import { sharedText } from './_text/shared.ts';

export const metadata = { title: sharedText.notFoundTitle };

export default function NotFoundPage() {
  return (
    <div className="px-(--gutter) py-6">
      <h1 className="sr-only">{sharedText.notFoundTitle}</h1>
      <EmptyState
        title={sharedText.notFoundTitle}
        action={
          <Button asChild>
            <Link href="/pods">{sharedText.allPods}</Link>
          </Button>
        }
      >
        {sharedText.notFoundDetail}
      </EmptyState>
    </div>
  );
}
