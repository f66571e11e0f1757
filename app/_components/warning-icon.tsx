/** Draws a warning triangle beside text in the signal color, because color alone must not carry meaning. */
export function WarningIcon({ className = 'size-3.5' }: { className?: string }) {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true" className={className}>
      <path className="fill-signal" d="M12 3 22.5 20.5h-21z" />
      <path className="stroke-surface-0" strokeWidth="2.6" strokeLinecap="round" d="M12 9.5v4.6M12 17.2v.1" />
    </svg>
  );
}
