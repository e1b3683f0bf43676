// Generates packages/protocol/gen from proto/ when a .proto file is newer than the output. Plain Node.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const protoDir = join(root, 'proto');
const genDir = join(root, 'packages/protocol/gen');

// Two modules, so that a client never loads the messages of the cluster link.
const modules = {
  session: ['worker/proxy/v1/proxy.proto', 'controller/targets/v1/session_authorization.proto'],
  cluster: ['controller/servers/v1/cluster_link.proto'],
};

const leftOut = ['create', 'verify', 'convert', 'delimited', 'typeurl', 'service'].map(
  (part) => `--no-${part}`,
);

for (const [name, protoNames] of Object.entries(modules)) {
  const files = protoNames.map((protoName) => join(protoDir, protoName));
  const out = join(genDir, `${name}.js`);
  const types = join(genDir, `${name}.d.ts`);
  const newest = Math.max(
    ...[...files, fileURLToPath(import.meta.url)].map((file) => statSync(file).mtimeMs),
  );
  if (existsSync(types) && statSync(types).mtimeMs >= newest) continue;
  mkdirSync(genDir, { recursive: true });
  const pbjs = join(root, 'node_modules/protobufjs-cli/bin/pbjs');
  const options = [
    '-t',
    'static-module',
    '-w',
    'esm',
    '--dts',
    '--force-number',
    '-r',
    `stile-${name}`,
    ...leftOut,
  ];
  execFileSync(process.execPath, [pbjs, ...options, '-p', protoDir, '-o', out, ...files], {
    cwd: root,
    stdio: 'inherit',
  });
}
