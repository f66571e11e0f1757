export const themeKey = 'podlane-theme';

/** Script in the head that sets the chosen theme, or the system's, before the first paint. */
export const themeScript = `(()=>{let t=null;try{t=localStorage.getItem('${themeKey}')}catch{}
document.documentElement.dataset.theme=t==='dark'||t==='light'?t:matchMedia('(prefers-color-scheme: light)').matches?'light':'dark'})()`;
