/** A row that takes the place of the rows that are not rendered; `height` in px. */
export const TableRowSpacer = ({ height }: { height: number }) =>
  height > 0 && (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus
    <tr aria-hidden="true">
      <td style={{ height }} />
    </tr>
  );
