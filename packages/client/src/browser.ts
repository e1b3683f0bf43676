/** Entry `@stile/client/browser`: the API client alone. Nothing here or below it uses `node:` or `ws`. */
export { ApiClient, parseApiAddress } from './api/api-client.ts';
export type { ApiClientOptions, AuthorizeRequest } from './api/api-client.ts';
export type { ApiAnswer, ApiCall, ApiCaller, CallOptions, Query } from './api/api-call.ts';
export { fetchTransport } from './api/api-transport.ts';
export type { ApiMethod, ApiRequest, ApiResponse, ApiTransport } from './api/api-transport.ts';
export { fetchStreamTransport } from './api/api-transport.ts';
export type { ApiStreamResponse, ApiStreamTransport } from './api/api-transport.ts';
export { watchEvents } from './api/events/event-source.ts';
export type { WatchEvent, WatchOptions } from './api/events/event-source.ts';
export { pollList } from './api/events/list-polling.ts';
export { mergeDelta, mergeRow, type EventRow } from './api/events/merge-row.ts';
export { SseParser, type ServerEvent } from './api/events/sse-parser.ts';
export type * from './api/api-types.ts';
export type {
  MintRequest,
  RevokeAllRequest,
  Revealing,
  SignInCalls,
  TwoFactorVerb,
} from './api/sign-in-calls.ts';
export type { ActionRequest, ResourceCalls, UpdateRequest } from './api/resource-calls.ts';
