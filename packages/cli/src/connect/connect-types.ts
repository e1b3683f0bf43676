/** Types of the client library that `connect` uses, so that files which only print do not load it. */
export type { ProxyEnd } from '@stile/client';

/** Where a listener is bound. */
export interface HostPortLike {
  readonly host: string;
  readonly port: number;
}
