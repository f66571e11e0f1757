/** Names of browsers by the token of User-Agent that only they have, the more special ones first. */
const browsers: readonly (readonly [token: RegExp, name: string])[] = [
  [/\bEdg(?:A|iOS)?\/(\d+)/, 'Edge'],
  [/\bOPR\/(\d+)/, 'Opera'],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/\b(?:Headless)?Chrom(?:e|ium)\/(\d+)/, 'Chrome'],
  [/\bVersion\/(\d+)[\d.]* (?:Mobile\/\S+ )?Safari\//, 'Safari'],
];
const systems: readonly (readonly [token: RegExp, name: string])[] = [
  [/\bAndroid\b/, 'Android'],
  [/\b(?:iPhone|iPad)\b/, 'iOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];

/** Shortens a User-Agent to the browser and its system, such as `Firefox 140, Linux`; others stay as they are. */
export function describeBrowser(userAgent: string): string {
  const browser = browsers.find(([token]) => token.test(userAgent));
  if (browser === undefined) return userAgent;
  const [token, name] = browser;
  const version = token.exec(userAgent)?.[1] ?? '';
  const system = systems.find(([token]) => token.test(userAgent));
  return `${name} ${version}${system === undefined ? '' : `, ${system[1]}`}`;
}
