import { describe, expect, test } from 'vitest';
import { BrowserSessions, sessionIdleTimeoutMs } from '../../../gateway/sessions.ts';
import { SignInLinks, signInLinkLifetimeMs } from '../../../gateway/sign-in-links.ts';

describe('a one-time token', () => {
  test('is rejected after ten minutes', () => {
    let now = 0;
    const signIn = new SignInLinks(() => now);
    const token = signIn.issue('admin');
    now = signInLinkLifetimeMs;
    expect(signIn.redeem(token)).toBe('wrong');
  });

  test('is rejected after ten wrong ones until the minute is over', () => {
    let now = 0;
    const signIn = new SignInLinks(() => now);
    const token = signIn.issue('admin');
    for (let count = 0; count < 10; count++) expect(signIn.redeem('guess')).toBe('wrong');
    expect(signIn.redeem(token)).toBe('too_many');
    now = 60_000;
    expect(signIn.redeem(token)).toEqual({ role: 'admin' });
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
});
