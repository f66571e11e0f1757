/** A bar where a value will stand. */
export function Skeleton({ className = 'w-16' }: { className?: string }) {
  return <span aria-hidden="true" className={`skeleton ${className}`} />;
}
