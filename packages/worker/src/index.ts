/** Public entry of the worker: start one, and the types of what it is started with. */
export { defaultLimits, type WorkerConfig, type WorkerLimits } from './config.ts';
export { startWorker, type RegistrationNotice, type Worker, type WorkerServices } from './worker.ts';
