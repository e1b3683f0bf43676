/** The API of a real controller: what the recorded answers do not cover. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestController, type TestController } from '../../../../test/support/controller.ts';

let stile: TestController;
beforeAll(async () => {
  stile = await startTestController();
  await stile.addLiveWorker();
});
afterAll(() => stile.stop());

describe('smoke', () => {
  test('x', async () => {
    for (const [m, p, b] of [
      ['GET', '/v1/scopes/global'],
      ['GET', '/v1/scopes?recursive=true&scope_id=global'],
      ['GET', '/v1/auth-methods?scope_id=global&recursive=true'],
      ['GET', '/v1/auth-tokens?scope_id=global'],
      ['GET', '/v1/targets?scope_id=global&recursive=true'],
      ['GET', '/v1/targets/ttcp_0987654321'],
      ['GET', '/v1/targets/ssh.boundary.dev'],
      ['GET', '/v1/hosts?host_catalog_id=hcst_1234567890'],
      ['GET', '/v1/workers?scope_id=global'],
      ['GET', '/v1/users/u_1234567890:list-resolvable-aliases'],
      ['POST', '/v1/targets/ttcp_1234567890:authorize-session', {}],
      ['GET', '/v1/sessions?scope_id=p_1234567890'],
    ] as const) {
      const r = await stile.send(m, p, b, stile.admin);
      console.log(m, p, r.status, r.text.slice(0, 1500));
    }
    expect(1).toBe(1);
  });
});
