import { Slot } from 'radix-ui';
import type { ComponentProps } from 'react';

const look = {
  primary:
    'border-accent bg-accent font-semibold text-accent-on hover:border-transparent hover:bg-[color-mix(in_oklab,var(--accent)_88%,var(--text-1))]',
  default:
    'border-line-2 bg-surface-1 font-medium text-ink-1 hover:border-line-control hover:bg-surface-2 active:bg-surface-3',
  quiet: 'border-transparent font-medium text-ink-2 hover:bg-surface-2 hover:text-ink-1',
  destructive: 'border-signal font-medium text-signal-text hover:bg-signal-wash',
} as const;

const size = { small: 'h-6', normal: 'h-(--control)', large: 'h-8 px-3.5' } as const;

interface ButtonProps extends ComponentProps<'button'> {
  look?: keyof typeof look;
  size?: keyof typeof size;
  /** True to apply the button's styles to the child element, e.g. a link, instead of rendering a button. */
  asChild?: boolean;
}

/** Renders a text button. Each view has at most one primary button, and states the reason beside a disabled one. */
export function Button({
  look: chosen = 'default',
  size: chosenSize = 'normal',
  asChild = false,
  className = '',
  ...rest
}: ButtonProps) {
  const Element = asChild ? Slot.Root : 'button';
  return (
    <Element
      {...(asChild ? {} : { type: 'button' as const })}
      {...rest}
      className={`inline-flex items-center justify-center gap-1.5 whitespace-nowrap rounded-2 border px-2.5 text-13 transition-colors duration-80 ease-out disabled:border-transparent disabled:bg-surface-2 disabled:text-muted ${size[chosenSize]} ${look[chosen]} ${className}`}
    />
  );
}

/** Renders a square button that has only an icon; `label` is its accessible name. */
export function IconButton({ label, className = '', ...rest }: ComponentProps<'button'> & { label: string }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...rest}
      className={`inline-grid size-7 place-items-center rounded-2 text-ink-2 hover:bg-surface-2 hover:text-ink-1 ${className}`}
    />
  );
}

/** Shows the name of a keyboard key. */
export function KeyboardKey({ children }: { children: string }) {
  return (
    <kbd className="min-w-[18px] rounded-1 border border-line-2 px-1 text-center font-medium font-mono text-11 text-muted">
      {children}
    </kbd>
  );
}
