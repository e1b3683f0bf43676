/** `@stile/client`: the API client, and sessions used from a program: authorize, open a local listener, dial. */
export * from './api.ts';
export {
  ClientProxy,
  openLocalListener,
  type ClientProxyOptions,
  type ProxyEnd,
  type ProxyEndReason,
} from './client-proxy.ts';
export { authorize, dial, type AuthorizedSession, type DialOptions } from './dial.ts';
export { openAuthorization, type SessionCredentials } from './session-authorization.ts';
export { WorkerConnector, type WorkerConnection, type WorkerConnectorOptions } from './worker-connection.ts';
