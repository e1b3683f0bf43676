/**
 * Mistakes that others in this field made and published, and the test of ours that would have caught each. A row names tests by
 * file and title; a title that is not in its file fails here, so that no protection loses its test unnoticed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './sources.ts';

/** A test: file, then a part of its source that holds its title. */
type Cover = readonly [file: string, title: string];

/** A case is covered by tests, or cannot happen yet. */
type Row = { readonly coveredBy: readonly Cover[] } | { readonly notYet: string };

const foreignTls = 'test/e2e/foreign-tls.test.ts';
const foreign = 'test/e2e/foreign-client.test.ts';
const hostile = 'test/e2e/hostile.test.ts';
const hostileServer = 'test/e2e/hostile-server.test.ts';
const credentials = 'test/e2e/credentials.test.ts';
const matrix = 'test/e2e/route-matrix.test.ts';

const slowTls: Cover = [
  hostile,
  '2,000 half-open TLS handshakes and slow upgrades: a good client is served, memory stays bounded',
];
const slowEverywhere: Cover = [
  hostile,
  'slow handshakes, headers and bodies at every listener: others are served, the slow are cut',
];
const closedToStrangers: Cover = [
  matrix,
  'is closed to callers without a credential, but for those that are public',
];
const closedToUsers: Cover = [matrix, 'is closed to a user without a grant for it'];
const noOtherVerbs: Cover = [matrix, 'has no verbs but those it names'];
const worthless: Cover = [matrix, 'what is no auth token is none'];
const onlyAuthTokens: Cover = [credentials, 'nothing but an auth token opens the API'];
const exactCertificate: Cover = [foreignTls, 'another certificate with the same session id'];
const otherAuthority: Cover = [foreignTls, 'a certificate that another authority signed for the session id'];
const disabled: Cover = [
  credentials,
  'a disabled user cannot log in, and the tokens from before are worth nothing',
];
const addressOfSocket: Cover = [hostile, 'headers of the upgrade do not change the recorded client address'];
const limitByAddress: Cover = [
  credentials,
  'attempts are limited by the address of the socket, whatever X-Forwarded-For says',
];

/** Every row of the list, by its id. */
const cases: Readonly<Record<string, Row>> = {
  'Boundary CVE-2022-36130': {
    coveredBy: [
      ['packages/controller/src/api/api.test.ts', 'a host set of another project cannot be attached'],
    ],
  },
  'Boundary CVE-2022-36182': {
    coveredBy: [[hostile, 'cannot be framed, sniffed or cached: every answer carries the headers']],
  },
  'Boundary CVE-2023-0690': {
    coveredBy: [
      [
        'packages/controller/src/keys/key-service.test.ts',
        'leaves neither a sealed secret nor a data key readable in the database, after a rotation too',
      ],
    ],
  },
  'Boundary CVE-2024-1052': { coveredBy: [exactCertificate, otherAuthority] },
  'Boundary CVE-2024-12289': {
    coveredBy: [
      [hostile, 'requests from the first millisecond of a start neither stop it nor get a wrong answer'],
    ],
  },
  'Boundary CVE-2026-7776': {
    coveredBy: [slowTls, slowEverywhere],
  },
  'Boundary Client Agent <= 0.21.0': {
    coveredBy: [
      [
        hostile,
        'that posts to the local listener of stile connect reaches the endpoint as plain bytes: the client answers nothing and adds nothing',
      ],
      [hostile, 'gets nothing from the proxy and cluster ports'],
      [hostile, 'from another origin acts on the API as nobody, and may not send credentials along'],
    ],
  },
  'Teleport CVE-2025-49825': {
    coveredBy: [
      exactCertificate,
      otherAuthority,
      [foreignTls, 'no client certificate'],
      [foreignTls, 'the certificate of one session opens no other'],
    ],
  },
  'Teleport 10.3.15 / 11.3.10': {
    notYet: 'there is one kind of channel, the proxied TCP connection, and each asks for its permission',
  },
  'Teleport 12.4.28; GHSA-vfxf-76hv-v4w4': {
    notYet: 'no process of ours runs itself again; a program of the user gets the environment of the user',
  },
  'Teleport 12.4.28; sshpiper CVE-2024-35175': {
    coveredBy: [
      [hostile, 'a PROXY protocol header before TLS is no TLS: the connection is closed'],
      [hostile, 'a PROXY protocol line'],
      addressOfSocket,
      limitByAddress,
    ],
  },
  'Teleport GHSA-hw4x-mcx5-9q36': {
    notYet:
      'a client cannot name an address: the endpoint is fixed when the session is authorized; allow lists of workers come with worker filters of a later issue',
  },
  'Teleport GHSA-76cc-p55w-63g3; GHSA-c9v7-wmwj-vf6x': { coveredBy: [closedToUsers, closedToStrangers] },
  'Warpgate GHSA-868r-97g5-r9g4, GHSA-c94j-vqr5-3mxr': {
    coveredBy: [
      [credentials, 'one cannot read, list or cancel the sessions of the other'],
      [credentials, 'one cannot read or delete the auth tokens of the other'],
    ],
  },
  'Warpgate GHSA-3cjp-w4cp-m9c8': { coveredBy: [[credentials, "['an empty password'"]] },
  'Warpgate CVE-2026-63330': { coveredBy: [closedToStrangers, closedToUsers, exactCertificate] },
  'Warpgate CVE-2026-63329': { coveredBy: [addressOfSocket] },
  'Warpgate CVE-2026-91164': { notYet: 'auth tokens have no allow lists before the issue on named tokens' },
  'Warpgate CVE-2026-91167': { coveredBy: [closedToUsers, noOtherVerbs] },
  'Warpgate CVE-2026-91166': {
    coveredBy: [
      ['test/e2e/ssh.test.ts', 'another key under the same host identity is refused by ssh'],
      [
        'test/e2e/ssh.test.ts',
        'the host key is kept per host: by target for an address, by host id for a host source',
      ],
    ],
  },
  'Warpgate GHSA-3c3w-75j2-7h74, CVE-2026-91165': { notYet: 'no page of HTML is served before the console' },
  'Warpgate GHSA-78rf-vg74-7cr8 (v0.28.2)': { coveredBy: [slowTls, slowEverywhere] },
  'Warpgate v0.30.5 GHSA-vv47-j2gq-5g6g': {
    coveredBy: [
      [hostile, 'a login body above 64 KiB is refused with 413, and so is one that never ends'],
      [foreign, "'a message above 32 KiB'"],
      [foreignTls, 'headers above their limit are refused and the worker goes on'],
    ],
  },
  'Warpgate v0.30.6 GHSA-xm63-rjwf-r3g8, GHSA-qw79-rh95-853p, GHSA-6mq2-fpwv-cm4w': {
    coveredBy: [
      [hostile, 'a target that sends for ever to readers that stand still costs the worker a bounded amount'],
      [
        hostile,
        'clients that send for ever to an endpoint that stands still cost the worker a bounded amount',
      ],
      [hostile, 'small frames without end are no way around it'],
    ],
  },
  'chisel CVE-2024-43798': {
    coveredBy: [
      ['test/e2e/server.test.ts', 'on %s, with exit 3 and the place'],
      [
        'packages/cli/src/config/config-file.test.ts',
        'is read with its defaults filled in and secrets resolved from the environment',
      ],
    ],
  },
  'chisel CVE-2026-48113 (fix 44310b6)': {
    coveredBy: [
      [credentials, 'the user is disabled'],
      [credentials, 'the grant is removed from the role'],
      [credentials, 'the role applies to other scopes'],
      [credentials, 'the auth token is revoked'],
    ],
  },
  'Pomerium CVE-2021-29651/29652, GO-2021-0258': {
    coveredBy: [
      [hostileServer, 'a redirect with %i to another host does not carry it'],
      [credentials, 'the grant is removed from the role'],
    ],
  },
  'Pomerium CVE-2022-24797, CVE-2024-39315': {
    coveredBy: [
      [matrix, 'public answers hold names and ids only'],
      [matrix, 'health and metrics show no ids, names or addresses of users and targets'],
      [credentials, 'no session, token or host answer shows a secret'],
    ],
  },
  'Pomerium CVE-2023-33189': {
    coveredBy: [
      ['test/e2e/bad-input.test.ts', 'an id with a path in it'],
      [foreignTls, "'a session id with a path in it'"],
    ],
  },
  'Pomerium CVE-2024-47616': {
    coveredBy: [onlyAuthTokens, worthless, [credentials, 'an auth token is no authorization token']],
  },
  'frp CVE-2026-40910, CVE-2026-73564': {
    coveredBy: [
      [foreign, "'a frame that claims 2^40 bytes'"],
      [foreign, "'a message above 32 KiB'"],
      [
        'test/fuzz/handshake-bytes.test.ts',
        'near a good one is read or refused, and what is read can be written again',
      ],
    ],
  },
  'Coder GHSA-3rw9-wmc8-8948, CVE-2026-55435': {
    coveredBy: [disabled, [credentials, 'a login that is over is over everywhere at once']],
  },
  'Coder CVE-2026-55427, CVE-2026-55431': {
    coveredBy: [
      [hostileServer, '%s is refused before the program starts'],
      [hostileServer, '%s with control characters reaches it harmless'],
      [hostileServer, 'a redirect with %i to another host does not carry it'],
    ],
  },
  'OAuth2-Proxy CVE-2025-64484, CVE-2026-40575': { coveredBy: [addressOfSocket, limitByAddress] },
  'cancel before the TOFU token is compared': {
    coveredBy: [
      [foreign, 'another client cannot end it either: its cancel is refused, the session stays active'],
    ],
  },
  'a worker serves on stale session data': {
    coveredBy: [
      ['test/e2e/sessions.test.ts', 'the answer of a cancel says whether the worker confirmed'],
      [
        'test/e2e/limits.test.ts',
        'a lease outlives its controller by its time only; a controller that is back finds the truth',
      ],
    ],
  },
};

/** Rows of the list of published mistakes that this table was made from, and the two it adds. */
const rows = 36;

describe('the table of security cases', () => {
  test('has every row', () => {
    expect(Object.keys(cases)).toHaveLength(rows);
  });

  test.each(Object.entries(cases))('%s', (_id, row) => {
    if ('notYet' in row) {
      expect(row.notYet.length).toBeGreaterThan(30);
      return;
    }
    expect(row.coveredBy.length).toBeGreaterThan(0);
    for (const [file, title] of row.coveredBy) {
      const source = readFileSync(join(root, file), 'utf8');
      expect(source.includes(title) ? '' : `${file} has no test with "${title}"`).toBe('');
    }
  });
});
