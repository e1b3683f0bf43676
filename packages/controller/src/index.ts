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
export { generateRootKey, rootKeyOf, type RootKey } from './keys/root-key.ts';
export { KeyService } from './keys/key-service.ts';
export { PasswordHasher } from './auth/password/password-hasher.ts';
export {
  createInitialResources,
  type InitialIds,
  type InitialLogin,
  type InitialPlan,
  type InitialResources,
  type MadeResource,
  type MadeTarget,
} from './bootstrap/initial-resources.ts';
export { activateLocalWorker, type LocalWorker } from './bootstrap/local-worker.ts';
