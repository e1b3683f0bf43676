/** The controller: started by `stile dev` and `stile server`; its store and use cases for `stile database` and first resources. */
export {
  startController,
  type Controller,
  type ControllerEnvironment,
  type ControllerParts,
} from './controller.ts';
export {
  apiListenerNumbers,
  controllerNumbers,
  controllerSettings,
  type ApiListenerConfig,
  type ControllerConfig,
  type NumberOption,
  type TlsFiles,
} from './config.ts';
export { openDatabase, type Connection, type Database } from './store/database.ts';
export { isInitialized, migrate, needsMigration } from './store/migrate.ts';
export { KeyService } from './keys/key-service.ts';
export { generateRootKey, rootKeyOf, type RootKey } from './keys/root-key.ts';
export { PasswordService } from './auth/password-service.ts';
export { AuthTokenService, type Caller } from './auth/auth-token-service.ts';
export { createPasswordAuthMethod } from './auth/auth-method-repository.ts';
export { createAccount } from './auth/account-repository.ts';
export { IamService } from './iam/iam-service.ts';
export { createGlobalScope, createScope, setPrimaryAuthMethod } from './iam/scope-repository.ts';
export { createSpecialUsers, createUser } from './iam/user-repository.ts';
export { HostService } from './host/host-service.ts';
export { TargetService } from './target/target-service.ts';
export { WorkerRegistry } from './worker-registry/worker-registry.ts';
