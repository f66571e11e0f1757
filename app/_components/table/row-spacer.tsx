/** Stands for the rows out of sight: so many px. */
export const RowSpacer = ({ height }: { height: number }) =>
  height > 0 && (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus
    <tr aria-hidden="true">
      <td style={{ height }} />
    </tr>
  );
