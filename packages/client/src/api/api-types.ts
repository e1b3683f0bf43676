/**
 * What the API's types mean to the client: the collections and, for each, its items, requests and verbs. All of it is derived from
 * `api-schema.ts`, which is written from the API's own document. Names are those of the wire, because this is the edge; every field
 * may be missing, because the API leaves out what is empty or not visible to the caller.
 */
import type { ApiOperations, AuthenticateResponse, SessionAuthorization } from './api-schema.ts';

export type * from './api-schema.ts';

/** What all resources have, as far as they have it. Times are RFC 3339, UTC. */
export interface Resource {
  readonly id?: string;
  readonly version?: number;
  readonly created_time?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** The types of one collection. */
export interface CollectionTypes {
  readonly item: Resource;
  /** Body of create. */
  readonly create: unknown;
  /** Changes of an update. */
  readonly update: unknown;
  /** POST verbs on one resource, with their bodies. */
  readonly actions: object;
  /** POST verbs on the collection. */
  readonly collectionActions: object;
  /** GET verbs, with their answers. */
  readonly questions: object;
}

/** A collection of which nothing is known. */
export interface UntypedCollection {
  readonly item: Resource;
  readonly create: Fields;
  readonly update: Fields;
  readonly actions: Readonly<Record<string, Fields>>;
  readonly collectionActions: Readonly<
    Record<string, { readonly request: Fields; readonly response: unknown }>
  >;
  readonly questions: Readonly<Record<string, unknown>>;
}

type OperationOf<Key extends string> = Key extends keyof ApiOperations ? ApiOperations[Key] : never;

/** Collections of the API whose resources can be read by id. */
export type CollectionName = keyof {
  [Key in keyof ApiOperations as Key extends `${infer Name}:read` ? Name : never]: true;
};

/** Verbs that every collection has by a method of their own. */
type StandardVerb = 'list' | 'create' | 'read' | 'update' | 'delete';

type VerbOf<Name extends string, Key> = Key extends `${Name}:${infer Verb}`
  ? Exclude<Verb, StandardVerb>
  : never;

/** The types of a collection by its name. */
export interface TypesOf<Name extends CollectionName> {
  readonly item: Extract<OperationOf<`${Name}:read`>['response'], Resource>;
  readonly create: OperationOf<`${Name}:create`>['request'];
  readonly update: OperationOf<`${Name}:update`>['request'];
  readonly actions: {
    readonly [
      Key in keyof ApiOperations as ApiOperations[Key] extends { on: 'item'; method: 'POST' }
        ? VerbOf<Name, Key>
        : never
    ]: ApiOperations[Key]['request'];
  };
  readonly collectionActions: {
    readonly [
      Key in keyof ApiOperations as ApiOperations[Key] extends { on: 'collection'; method: 'POST' }
        ? VerbOf<Name, Key>
        : never
    ]: ApiOperations[Key];
  };
  readonly questions: {
    readonly [
      Key in keyof ApiOperations as ApiOperations[Key] extends { method: 'GET' } ? VerbOf<Name, Key> : never
    ]: ApiOperations[Key]['response'];
  };
}

/** Collections of the API and the shape of their items. */
export type ResourceTypes = { readonly [Name in CollectionName]: TypesOf<Name>['item'] };

/** A credential that the controller hands to the client (http-api.md §2.11). Secret. */
export interface SessionCredential {
  readonly credential_source?: {
    readonly id?: string;
    readonly name?: string;
    readonly description?: string;
    readonly credential_store_id?: string;
    readonly type?: string;
    readonly credential_type?: string;
  };
  readonly secret?: { readonly raw?: string; readonly decoded?: unknown };
  readonly credential?: Readonly<Record<string, unknown>>;
}

/** The answer of `authorize-session`; its `authorization_token` is secret: whoever holds it can use the session. */
export interface SessionAuthorizationAnswer extends Omit<SessionAuthorization, 'credentials'> {
  readonly credentials?: readonly SessionCredential[];
}

/** The answer of `authenticate`. */
export type AuthenticateAnswer = AuthenticateResponse;

/** The auth token in that answer. Its `token` is secret. */
export type LoginToken = NonNullable<AuthenticateResponse['attributes']>;
