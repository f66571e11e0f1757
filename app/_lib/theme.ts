'use client';

import { useEffect, useSyncExternalStore } from 'react';
import { themeStorageKey } from './theme-script.ts';

export type ThemeChoice = 'system' | 'dark' | 'light';

const listeners = new Set<() => void>();

function stored(): ThemeChoice {
  const value = localStorage.getItem(themeStorageKey);
  return value === 'dark' || value === 'light' ? value : 'system';
}

function apply(): void {
  const light = matchMedia('(prefers-color-scheme: light)').matches;
  const theme = stored();
  document.documentElement.dataset.theme = theme === 'system' ? (light ? 'light' : 'dark') : theme;
}

export function setTheme(theme: ThemeChoice): void {
  if (theme === 'system') localStorage.removeItem(themeStorageKey);
  else localStorage.setItem(themeStorageKey, theme);
  apply();
  for (const listener of listeners) listener();
}

/** Returns the chosen theme. While mounted, follows theme changes of the system and of other tabs. */
export function useTheme(): ThemeChoice {
  useEffect(() => {
    const system = matchMedia('(prefers-color-scheme: light)');
    system.addEventListener('change', apply);
    addEventListener('storage', apply);
    return () => {
      system.removeEventListener('change', apply);
      removeEventListener('storage', apply);
    };
  }, []);
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stored,
    () => 'system',
  );
}
