import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatGuardThreshold,
  guardFieldGroups,
  parseGuardFields,
  toGuardFieldTexts,
} from '../../../app/_lib/guard-fields.ts';
import { type GuardThresholdOverrides, guardThresholdOverridesSchema } from '../../../contract/guard.ts';
import { guardThresholdDefaults } from '../../../contract/guard-thresholds.ts';

test('the form has every threshold once', () => {
  const names = guardFieldGroups.flatMap(({ fields }) => fields.map(({ name }) => name));
  expect(names.toSorted()).toEqual(Object.keys(guardThresholdDefaults).toSorted());
});

const anyChoice: fc.Arbitrary<GuardThresholdOverrides> = fc.record(
  {
    on: fc.boolean(),
    icmp: fc.boolean(),
    tcpPort: fc.option(fc.integer({ min: 1, max: 65_535 })),
    dropShare: fc.integer({ min: 1, max: 1000 }).map((permille) => permille / 1000),
    dropsPerSecond: fc.integer({ min: 1, max: 1_000_000 }),
    oneSidedSeconds: fc.integer({ min: 10, max: 86_400 }),
    repairs: fc.nat(20),
  },
  { requiredKeys: [] },
);

test('a choice shown in the form and read again is the same', () => {
  fc.assert(
    fc.property(anyChoice, (choice) => {
      expect(parseGuardFields(toGuardFieldTexts(choice))).toEqual({ choice, problems: {} });
    }),
  );
});

test('any input is a valid choice or an error of its field', () => {
  const typed = fc.oneof(
    fc.string(),
    fc.double().map(String),
    fc.constantFrom('on', 'off', 'none', ' 5 ', '1e9'),
  );
  const forms = fc.dictionary(
    fc.constantFrom(...(Object.keys(guardThresholdDefaults) as (keyof GuardThresholdOverrides)[])),
    typed,
  );
  fc.assert(
    fc.property(forms, (form) => {
      const { choice, problems } = parseGuardFields(form);
      expect(guardThresholdOverridesSchema.parse(choice)).toEqual(choice);
      for (const name of Object.keys(problems)) expect(choice).not.toHaveProperty(name);
    }),
  );
});

test('an empty field makes no choice; the share is in percent', () => {
  expect(parseGuardFields({ dropShare: '12.5', repairs: '', tcpPort: 'none' })).toEqual({
    choice: { dropShare: 0.125, tcpPort: null },
    problems: {},
  });
  expect(formatGuardThreshold({ scale: 100 }, 0.125)).toBe('12.5');
  expect(parseGuardFields({ repairs: '2.5' }).problems).toHaveProperty('repairs');
});
