export const themeStorageKey = 'podlane-theme';

/** Script in the head that sets the chosen theme, or the system's, before the first paint. */
export const initialThemeScript = `(()=>{let t=null;try{t=localStorage.getItem('${themeStorageKey}')}catch{}
document.documentElement.dataset.theme=t==='dark'||t==='light'?t:matchMedia('(prefers-color-scheme: light)').matches?'light':'dark'})()`;
