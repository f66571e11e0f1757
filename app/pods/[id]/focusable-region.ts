/**
 * Returns the props of a named region that the Tab key reaches: a part of a drawing, or a scrollable part that the
 * arrow keys then scroll.
 */
export const focusableRegionProps = (name: string) =>
  ({ role: 'group', tabIndex: 0, 'aria-label': name }) as const;
