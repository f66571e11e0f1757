/** Renders a table row of `height` px in place of the rows outside the viewport. */
export const TableRowSpacer = ({ height }: { height: number }) =>
  height > 0 && (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus
    <tr aria-hidden="true">
      <td style={{ height }} />
    </tr>
  );
