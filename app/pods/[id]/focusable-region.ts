/**
 * Returns the props of a region that the Tab key reaches and that is read out by its name: a part of a drawing, or a
 * part that scrolls, so that the arrow keys reach all of it.
 */
export const focusableRegionProps = (name: string) =>
  ({ role: 'group', tabIndex: 0, 'aria-label': name }) as const;
