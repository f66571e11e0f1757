export const themeKey = 'podlane-theme';

/** Runs in the head, before anything is painted: the chosen theme, else the system's. */
export const themeScript = `(()=>{let t=null;try{t=localStorage.getItem('${themeKey}')}catch{}
document.documentElement.dataset.theme=t==='dark'||t==='light'?t:matchMedia('(prefers-color-scheme: light)').matches?'light':'dark'})()`;
