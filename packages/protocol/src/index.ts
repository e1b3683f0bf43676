/** Public entry of the package: everything two processes must agree on, except the cluster link (`@stile/protocol/rpc`). */
export * from './enrolment/activation-token.ts';
export * from './codec/base58.ts';
export * from './close-reason.ts';
export * from './errors.ts';
export * from './filter.ts';
export * from './grant.ts';
export * from './handshake.ts';
export * from './ids.ts';
export * from './enrolment/registration-request.ts';
export * from './quoted.ts';
export * from './session-authorization.ts';
export * from './session-status.ts';
export * from './token/token-duration.ts';
export * from './token/token-mask.ts';
export * from './token/token-scope.ts';
