import { describe, expect, test } from 'vitest';
import { Sessions, sessionIdleMs } from '../../../gateway/sessions.ts';
import { linkLifetimeMs, SignIn } from '../../../gateway/signin.ts';

describe('a one-time token', () => {
  test('is refused after ten minutes', () => {
    let now = 0;
    const signIn = new SignIn(() => now);
    const token = signIn.issue();
    now = linkLifetimeMs;
    expect(signIn.redeem(token)).toBe('wrong');
  });

  test('is not looked at after ten wrong ones, until the minute is over', () => {
    let now = 0;
    const signIn = new SignIn(() => now);
    const token = signIn.issue();
    for (let count = 0; count < 10; count++) expect(signIn.redeem('guess')).toBe('wrong');
    expect(signIn.redeem(token)).toBe('too_many');
    now = 60_000;
    expect(signIn.redeem(token)).toBe('ok');
  });

  test('is not there before one was issued', () => {
    expect(new SignIn().redeem('')).toBe('wrong');
  });
});

describe('a session', () => {
  test('ends twelve hours after its last use', () => {
    let now = 0;
    const sessions = new Sessions(() => now);
    const id = sessions.open('operator');
    now += sessionIdleMs - 1;
    expect(sessions.use(id)?.actor).toBe('operator');
    now += sessionIdleMs - 1;
    expect(sessions.use(id)).toBeDefined();
    now += sessionIdleMs;
    expect(sessions.use(id)).toBeUndefined();
  });
});
