'use client';

import { type RefObject, useEffect, useEffectEvent } from 'react';

interface TableKeys {
  rows: number;
  body: RefObject<HTMLTableSectionElement | null>;
  scrollTo: (index: number) => void;
  /** Clears the filter; called on Escape. */
  clear: () => void;
  /** Called on Escape before `clear`; returns true if it handled the key, e.g. by clearing a selection. */
  onEscape?: () => boolean;
  /** Handles keys that only this table has, while no text field has the focus; returns true if it handled the key. */
  own?: (event: KeyboardEvent, row: HTMLElement | null) => boolean;
}

/**
 * Moves the focus from row to row with the arrow keys, `j` and `k`, Home and End. Enter activates the row's link.
 * In the filter field, the down arrow moves to the first row and Enter opens it.
 */
export function useTableKeyboard(keys: TableKeys): void {
  const onKey = useEffectEvent((event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest('[role=dialog], [role=menu], textarea, select, [contenteditable=true]')) return;
    const { rows, body, scrollTo, clear, onEscape, own } = keys;
    const typing = target?.closest('input:not([type=checkbox])') ?? null;
    if (typing !== null && !typing.matches('[data-filter]')) return;
    if (event.key === 'Escape') {
      if (onEscape?.() === true) return;
      clear();
      if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
      return;
    }
    if (typing !== null && event.key !== 'ArrowDown' && event.key !== 'Enter') return;
    const row = target?.closest<HTMLElement>('tr[data-index]') ?? null;
    if (typing === null && own?.(event, row) === true) return;
    const at = row === null ? -1 : Number(row.dataset.index);
    const to = typing === null ? destination(event.key, at, rows) : 0;
    if (to === null || rows === 0) return;
    event.preventDefault();
    focusRow(body.current, to, scrollTo);
    if (typing !== null && event.key === 'Enter') linkOf(body.current, 0)?.click();
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => onKey(event);
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  }, []);
}

function destination(key: string, at: number, rows: number): number | null {
  if (key === 'ArrowDown' || key === 'j') return Math.min(at + 1, rows - 1);
  if (key === 'ArrowUp' || key === 'k') return at === -1 ? null : Math.max(at - 1, 0);
  if (at === -1) return null;
  if (key === 'Home') return 0;
  return key === 'End' ? rows - 1 : null;
}

const linkOf = (body: Element | null, index: number): HTMLElement | null =>
  body?.querySelector<HTMLElement>(`tr[data-index="${index}"] [data-row-link]`) ?? null;

/** Focuses a table row. If the row is outside the viewport and therefore not rendered, scrolls to it first. */
function focusRow(body: Element | null, index: number, scrollTo: (index: number) => void, tries = 10): void {
  const link = linkOf(body, index);
  if (link !== null) {
    link.focus({ preventScroll: true });
    link.scrollIntoView({ block: 'nearest' });
    return;
  }
  if (tries === 10) scrollTo(index);
  if (tries > 0) requestAnimationFrame(() => focusRow(body, index, scrollTo, tries - 1));
}
