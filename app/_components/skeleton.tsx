/** Placeholder for a value that is loading. */
export function Skeleton({ className = 'w-16' }: { className?: string }) {
  return <span aria-hidden="true" className={`skeleton ${className}`} />;
}
