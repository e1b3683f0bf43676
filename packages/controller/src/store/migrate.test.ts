import { sql } from 'kysely';
import {
  connectionStatuses,
  connectionTransitions,
  sessionStatuses,
  sessionTransitions,
} from '@stile/protocol';
import { silentLogger, systemClock } from '@stile/runtime';
import { expect, it } from 'vitest';
import { describeBothEngines } from '../../../../test/support/engines.ts';
import { openDatabase } from './database.ts';
import { isInitialized, migrate, needsMigration } from './migrate.ts';

describeBothEngines('migrations', ({ engine, open, newUrl }) => {
  it('make the schema once, and then find nothing to do', async () => {
    const database = await open({ isEmpty: true });
    expect(await needsMigration(database)).toBe(true);
    expect(await isInitialized(database)).toBe(false);
    expect((await migrate(database)).applied).toEqual([
      '0001-iam',
      '0002-auth',
      '0003-targets',
      '0004-sessions',
      '0005-keys-and-events',
    ]);
    expect(await needsMigration(database)).toBe(false);
    expect((await migrate(database)).applied).toEqual([]);
  });
});
