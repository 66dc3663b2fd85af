import type { LiveConfig } from '../core/live-config.ts'
import type { SecretBox } from '../queue/domain/secret-box.ts'
import type { Catalogue } from '../queue/use-cases/catalogue.ts'
import type { CheckPayload } from '../queue/use-cases/check-payload.ts'
import type { Fleet } from '../queue/use-cases/fleet.ts'
import type { JobWatch } from '../queue/use-cases/job-watch.ts'
import type { QueueDeps } from '../queue/use-cases/queue-deps.ts'
import type { ScalingPolicies } from '../queue/use-cases/scaling-policies.ts'
import type { TaskNeeds } from '../queue/use-cases/task-needs.ts'
import type { Auth } from './auth/auth.ts'
import type { BlobLinks } from './blobs/blob-links.ts'
import type { LogFeeds } from './logs/log-feeds.ts'
import type { GatewayConfig } from './gateway-config.ts'

/** What routes take. */
export interface GatewayDeps {
  queue: QueueDeps
  auth: Auth
  watch: JobWatch
  logFeeds: LogFeeds
  links: BlobLinks
  /** The live nodes, at most a second old. */
  fleet: () => Promise<Fleet>
  /** What there is to run, as old as the fleet. */
  catalogue: () => Promise<Catalogue>
  checkPayload: CheckPayload
  taskNeeds: Pick<TaskNeeds, 'of'>
  scalingPolicies: ScalingPolicies
  /** Null without a key. */
  secretBox: SecretBox | null
  /** Options that a reload changes are read at each use. */
  config: Readonly<GatewayConfig>
  liveConfig: Pick<LiveConfig, 'hash' | 'restartNeeded'>
  pingPostgres: () => Promise<boolean>
  /** True from SIGTERM on. */
  isStopping: () => boolean
  /** Aborts when it takes no more connections. */
  closing: AbortSignal
}
