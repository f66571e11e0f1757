/** Renders a placeholder for a value that is loading. */
export function ValueSkeleton({ className = 'w-16' }: { className?: string }) {
  return <span aria-hidden="true" className={`skeleton ${className}`} />;
}
