import type { ExecutedStep } from '../../contract/migration.ts';

/** Shows the steps of a migration as small bars colored by state; the text beside them says the same. */
export function MigrationStepBar({ steps }: { steps: readonly ExecutedStep[] }) {
  return (
    <svg
      width={steps.length * 6 - 2}
      height="10"
      viewBox={`0 0 ${steps.length * 6 - 2} 10`}
      aria-hidden="true"
    >
      {steps.map(({ step, state }, i) => (
        <rect key={step} x={i * 6} width="4" height="10" rx="1" className={tone[state]} />
      ))}
    </svg>
  );
}

const tone: Record<ExecutedStep['state'], string> = {
  done: 'fill-accent',
  running: 'fill-ink-1',
  pending: 'fill-surface-3',
  undone: 'fill-line-control',
  failed: 'fill-signal',
};
