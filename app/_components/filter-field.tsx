'use client';

import { Search } from 'lucide-react';
import { type ReactNode, useEffect, useId, useRef } from 'react';
import { KeyboardKey } from './button.tsx';

interface FilterFieldProps {
  text: string;
  change: (text: string) => void;
  /** Accessible name of the field, e.g. `Filter pods`. */
  label: string;
  placeholder: string;
  /** Suggestions that the browser offers while the user types. */
  options?: readonly string[];
  /** CSS class for the field's width in windows of 720 px or more. */
  width?: string;
}

/** Renders the text field of a filter bar; the `/` key focuses it. */
export function FilterTextField({
  text,
  change,
  label,
  placeholder,
  options,
  width = 'w-[260px]',
}: FilterFieldProps) {
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  useEffect(() => {
    function focus(event: KeyboardEvent): void {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
      if (
        event.target instanceof HTMLElement &&
        event.target.closest('input, textarea, [role=dialog], [contenteditable=true]')
      )
        return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    }
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  return (
    <label
      className={`mr-2 flex h-(--control) ${width} min-w-0 items-center gap-2 rounded-2 border border-line-control bg-surface-1 px-2 text-ink-2 has-[:focus-visible]:outline-2 has-[:focus-visible]:outline-focus has-[:focus-visible]:outline-offset-2 max-md:mr-0 max-md:w-full max-md:flex-none`}
    >
      <Search aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
      <input
        ref={input}
        value={text}
        onChange={(event) => change(event.target.value)}
        placeholder={placeholder}
        aria-label={label}
        aria-keyshortcuts="/"
        spellCheck={false}
        autoComplete="off"
        enterKeyHint="search"
        data-filter
        list={options === undefined ? undefined : list}
        className="min-w-0 flex-1 text-ink-1 outline-none placeholder:text-muted placeholder:opacity-100"
      />
      {options !== undefined && (
        <datalist id={list}>
          {options.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
      <span aria-hidden="true" className="max-md:hidden">
        <KeyboardKey>/</KeyboardKey>
      </span>
    </label>
  );
}

interface FacetProps {
  count: number | undefined;
  on: boolean;
  toggle: () => void;
  children: ReactNode;
}

/** Renders a toggle button that filters a list by a property; `count` is the number of items with that property. */
export function FacetButton({ count, on, toggle, children }: FacetProps) {
  return (
    <button
      type="button"
      aria-pressed={on}
      onClick={toggle}
      className="inline-flex h-(--control) items-center gap-1.5 whitespace-nowrap rounded-2 px-2 text-12 text-ink-2 hover:bg-surface-2 aria-pressed:bg-surface-3 aria-pressed:text-ink-1"
    >
      {children}
      <span className={`tabular-nums ${on ? 'text-ink-2' : 'text-muted'}`}>{count}</span>
    </button>
  );
}

/** Renders the divider between groups of filter buttons. */
export const FacetDivider = () => <span className="mx-2 h-5 w-px bg-line-2 max-md:hidden" />;

/** Returns a copy of the list with `item` added, or removed if the list contains it. */
export function toggleListItem<T>(list: readonly T[], item: T): T[] {
  return list.includes(item) ? list.filter((other) => other !== item) : [...list, item];
}
