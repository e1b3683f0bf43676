/** A database that was idle for long may be a restored backup: the start says so, and how to end what lives again. */
import type { Logger } from '@stile/runtime';
import { silentLogger } from '@stile/runtime';
import { expect, test } from 'vitest';
import { describeBothEngines } from '../../../../../test/support/engines.ts';
import { ManualClock } from '../../../../../test/support/manual-clock.ts';
import { DatabasePulse } from './database-pulse.ts';

describeBothEngines('a controller that starts', ({ open }) => {
  test('case 67: names the command that ends all tokens when the database was idle for long, and says nothing after a restart', async () => {
    const clock = new ManualClock();
    const database = await open({ clock });
    const said: string[] = [];
    const log: Logger = { ...silentLogger, warn: (_facts, message = '') => said.push(message) };
    const startAndStop = async (): Promise<void> => {
      const pulse = new DatabasePulse({ database, clock, log });
      await pulse.start();
      await pulse.close();
    };
    await startAndStop();
    clock.advance(60_000);
    await startAndStop();
    expect(said).toEqual([]);
    clock.advance(3_600_000);
    await startAndStop();
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('stile auth terminate-other-sessions --all-users --include-api -y');
  });
});
