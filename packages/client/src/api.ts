/** Entry `@stile/client/api`: the API client with node's transport and nothing of the proxy, so that short commands start fast. */
export * from './browser.ts';
export {
  KeptConnections,
  nodeStreamTransport,
  nodeTransport,
  type NodeTransportOptions,
} from './api/node-transport.ts';
