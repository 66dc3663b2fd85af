import { blobOptions } from './options/blob-options.ts'
import { gatewayOptions } from './options/gateway-options.ts'
import { grpcOptions } from './options/grpc-options.ts'
import { homeOptions } from './options/home-options.ts'
import { jobOptions } from './options/job-options.ts'
import { processOptions } from './options/process-options.ts'
import { remoteOptions } from './options/remote-options.ts'
import { runOptions } from './options/run-options.ts'
import { scalingOptions } from './options/scaling-options.ts'
import { taskOptions } from './options/task-options.ts'
import { workerOptions } from './options/worker-options.ts'

/**
 * Every option of every process, in one schema: docs/configuration.md and `noodle config` are made from it. Its parts are in options/.
 * `describe` is the sentence that a user reads; `meta` adds the unit, `secret` for what is never shown (with `isUrl`: but for the place), `isLive` for
 * what a reload changes, and `isOwn` for what tells a process from others of its kind.
 */
export const options = {
  ...processOptions,
  ...gatewayOptions,
  ...grpcOptions,
  ...jobOptions,
  ...blobOptions,
  ...scalingOptions,
  ...workerOptions,
  ...remoteOptions,
  ...taskOptions,
  ...runOptions,
  ...homeOptions,
}
