'use client';

import { Check, SunMoon } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { setTheme, type ThemeChoice, useTheme } from '../_lib/theme.ts';
import { sharedText } from '../_text/shared.ts';
import { IconButton } from './button.tsx';

const themes: { value: ThemeChoice; label: string }[] = [
  { value: 'system', label: sharedText.systemTheme },
  { value: 'dark', label: sharedText.darkTheme },
  { value: 'light', label: sharedText.lightTheme },
];

export function ThemeMenu() {
  const theme = useTheme();
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>
        <IconButton label={sharedText.theme}>
          <SunMoon aria-hidden="true" className="size-4" strokeWidth={1.6} />
        </IconButton>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={4}
          className="z-50 min-w-36 rounded-3 border border-line-control bg-surface-1 p-1 shadow-2"
        >
          <DropdownMenu.RadioGroup value={theme} onValueChange={(value) => setTheme(value as ThemeChoice)}>
            {themes.map(({ value, label }) => (
              <DropdownMenu.RadioItem
                key={value}
                value={value}
                className="flex h-7 cursor-pointer items-center gap-2 rounded-2 px-2 outline-none data-[highlighted]:bg-surface-2"
              >
                <span className="grid size-3.5 place-items-center">
                  <DropdownMenu.ItemIndicator>
                    <Check aria-hidden="true" className="size-3.5 text-accent-text" />
                  </DropdownMenu.ItemIndicator>
                </span>
                {label}
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
