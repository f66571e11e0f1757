'use client';

import { useRef } from 'react';

interface SelectBoxProps {
  label: string;
  /** State of the check box; `some` if some rows are selected but not all. */
  checked: boolean | 'some';
  /** Called when the check box is toggled; `extend` is true if shift is held. */
  onChange: (extend: boolean) => void;
}

/** Renders a check box that fills its table cell and covers the row's link there. */
export function RowSelectCheckbox({ label, checked, onChange }: SelectBoxProps) {
  const extend = useRef(false);
  return (
    <label className="absolute inset-y-0 left-0 z-1 flex w-[42px] items-center pl-(--gutter) max-md:w-[34px]">
      <input
        type="checkbox"
        data-select
        aria-label={label}
        checked={checked === true}
        ref={(box) => {
          if (box !== null) box.indeterminate = checked === 'some';
        }}
        onClick={({ shiftKey }) => {
          extend.current = shiftKey;
        }}
        onChange={() => onChange(extend.current)}
        className="size-3.5 cursor-pointer accent-accent"
      />
    </label>
  );
}
