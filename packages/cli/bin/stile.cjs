#!/usr/bin/env node
// CommonJS, because ECMAScript modules are read through the thread pool, whose size is fixed at its first use: in a server two
// password hashes would else hold two of four threads that the database needs (ADR 0003).
if (['dev', 'server'].includes(process.argv[2])) process.env.UV_THREADPOOL_SIZE ??= '8';
void import('../dist/main.js');
