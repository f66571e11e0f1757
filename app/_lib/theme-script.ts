export const themeStorageKey = 'podlane-theme';

/** Inline script for the document head that sets the chosen or system theme before the first paint. */
export const initialThemeScript = `(()=>{let t=null;try{t=localStorage.getItem('${themeStorageKey}')}catch{}
document.documentElement.dataset.theme=t==='dark'||t==='light'?t:matchMedia('(prefers-color-scheme: light)').matches?'light':'dark'})()`;
