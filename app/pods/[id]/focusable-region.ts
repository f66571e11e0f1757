/**
 * Makes a part of a drawing a stop of the Tab key: it is read by its name, in the order of the drawing.
 * Parts that scroll are stops too, so that the arrow keys reach what is out of sight.
 */
export const focusableRegion = (name: string) =>
  ({ role: 'group', tabIndex: 0, 'aria-label': name }) as const;
