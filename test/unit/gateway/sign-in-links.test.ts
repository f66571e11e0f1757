import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { BrowserSessions, sessionIdleTimeoutMs, sessionLifetimeMs } from '../../../gateway/sessions.ts';
import { SignInLinks, signInLinkLifetimeMs } from '../../../gateway/sign-in-links.ts';

describe('a one-time token', () => {
  test('is rejected after ten minutes', () => {
    let now = 0;
    const signIn = new SignInLinks(() => now);
    const token = signIn.issue('admin');
    now = signInLinkLifetimeMs;
    expect(signIn.redeem(token)).toBe('wrong');
  });

  test('works after any number of wrong ones, of which the eleventh within a minute is answered otherwise', () => {
    let now = 0;
    const signIn = new SignInLinks(() => now);
    const token = signIn.issue('admin');
    for (let count = 0; count < 10; count++) expect(signIn.redeem('guess')).toBe('wrong');
    expect(signIn.redeem('guess')).toBe('too_many');
    expect(signIn.redeem(token)).toEqual({ role: 'admin' });
    now = 60_000;
    expect(signIn.redeem('guess')).toBe('wrong');
  });

  test('grants its role once; a new one invalidates only the one of its role', () => {
    const signIn = new SignInLinks();
    const viewer = signIn.issue('viewer');
    const before = signIn.issue('operator');
    const operator = signIn.issue('operator');
    expect(signIn.redeem(before)).toBe('wrong');
    expect(signIn.redeem(operator)).toEqual({ role: 'operator' });
    expect(signIn.redeem(viewer)).toEqual({ role: 'viewer' });
    expect(signIn.redeem(viewer)).toBe('wrong');
  });

  test('does not exist before one is issued', () => {
    expect(new SignInLinks().redeem('')).toBe('wrong');
  });
});

describe('a session', () => {
  test('ends twelve hours after its last use', () => {
    let now = 0;
    const sessions = new BrowserSessions(() => now);
    const id = sessions.open('ada', 'operator');
    now += sessionIdleTimeoutMs - 1;
    expect(sessions.use(id)).toMatchObject({ actor: 'ada', role: 'operator' });
    now += sessionIdleTimeoutMs - 1;
    expect(sessions.use(id)).toBeDefined();
    now += sessionIdleTimeoutMs;
    expect(sessions.use(id)).toBeUndefined();
  });

  test('ends a week after it was opened, however much it is used', () => {
    let now = 0;
    const sessions = new BrowserSessions(() => now);
    const id = sessions.open('ada', 'operator');
    for (; now < sessionLifetimeMs; now += 3600_000) expect(sessions.use(id)).toBeDefined();
    expect(sessions.use(id)).toBeUndefined();
  });

  test('is not revived by a wall clock that goes back', () => {
    vi.useFakeTimers({ now: 1e12, toFake: ['Date', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const sessions = new BrowserSessions();
    const links = new SignInLinks();
    const id = sessions.open('ada', 'operator');
    const token = links.issue('admin');
    vi.advanceTimersByTime(sessionIdleTimeoutMs);
    vi.setSystemTime(1e12);
    expect(sessions.use(id)).toBeUndefined();
    expect(links.redeem(token)).toBe('wrong');
  });

  test('that was idle longest makes room when there are a thousand', () => {
    let now = 0;
    const sessions = new BrowserSessions(() => now);
    const ids = Array.from({ length: 1001 }, () => {
      now += 1;
      return sessions.open('ada', 'viewer');
    });
    expect(sessions.use(ids[0])).toBeUndefined();
    expect(sessions.use(ids[1])).toBeDefined();
  });
});
