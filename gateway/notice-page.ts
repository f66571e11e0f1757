/** Style sheet of the notice page, inlined because the gateway serves assets only to signed-in browsers. */
const style = `
:root { color-scheme: dark light; --page: #0d1012; --line: #343d43; --name: #edf1f2; --text: #b9c2c7; --accent: #66dca6 }
@media (prefers-color-scheme: light) {
  :root { --page: #fbfcfc; --line: #c8d1d5; --name: #10171a; --text: #3a464c; --accent: #0a7d53 }
}
body { margin: 0; background: var(--page); color: var(--text);
  font: 13px/20px "Inter Variable", Inter, system-ui, sans-serif }
header { height: 44px; padding: 0 24px; display: flex; align-items: center; gap: 8px;
  border-bottom: 1px solid var(--line); color: var(--name); font-weight: 600 }
svg { color: var(--accent) }
main { max-width: 480px; padding: 48px 24px }
h1 { margin: 0 0 12px; font-size: 20px; line-height: 24px; color: var(--name) }
p { margin: 0 0 8px }
form { margin-top: 20px; display: grid; gap: 8px; justify-items: start }
label { color: var(--name) }
input, button { font: inherit; color: var(--name); background: var(--page); border: 1px solid var(--line); border-radius: 4px; padding: 5px 10px }
input { width: 100%; box-sizing: border-box }
input:focus-visible, button:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }`;

const mark =
  '<svg width="22" height="16" viewBox="0 0 22 16" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">' +
  '<path d="M0 4.5h3M0 11.5h3M19 4.5h3M19 11.5h3"/><rect x="4" y="1" width="14" height="14" rx="7"/><path d="M11 4.5v7"/></svg>';

/** Icon as a data URL; without one, the browser would request /favicon.ico, which requires a session. */
const icon = `data:image/svg+xml,${encodeURIComponent(
  mark
    .replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"')
    .replace('width="22" height="16" viewBox="0 0 22 16"', 'viewBox="0 -3 22 22"')
    .replace('currentColor', '#2f9d6d'),
)}`;

/** Path that the form with a token of Kubernetes is sent to. */
export const tokenSignInPath = '/sign-in';

const tokenFormHtml = `<form method="post" action="${tokenSignInPath}">
<label for="token">Token of Kubernetes</label>
<input id="token" name="token" type="password" autocomplete="off" required>
<button>Sign in</button></form>`;

const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

export interface NoticePageContent {
  title: string;
  detail: string;
  hint?: string | undefined;
  /** Path that the browser opens automatically. */
  next?: string;
  /** True for a form to sign in with a token of Kubernetes. */
  tokenForm?: boolean;
}

/** Renders a notice as an HTML page that needs no other assets. */
export function renderNoticePage(
  { title, detail, hint, next, tokenForm = false }: NoticePageContent,
  nonce: string,
): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Podlane</title><link rel="icon" href="${icon}">${next === undefined ? '' : `<meta http-equiv="refresh" content="0; url=${escapeHtml(next)}">`}
<style nonce="${nonce}">${style}</style></head>
<body><header>${mark}Podlane</header><main><h1>${escapeHtml(title)}</h1><p>${escapeHtml(detail)}.</p>
${hint === undefined ? '' : `<p>${escapeHtml(hint)}</p>`}${tokenForm ? tokenFormHtml : ''}</main></body></html>
`;
}
