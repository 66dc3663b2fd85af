import { authRoutes } from './auth/auth-routes.ts'
import { clearCacheRoute } from './cache/clear-cache.ts'
import { readLinkRoute } from './blobs/read-link.ts'
import type { GatewayDeps } from '../gateway-deps.ts'
import { getArtifactRoute, listArtifactsRoute } from './jobs/artifacts.ts'
import { cancelJobRoute } from './jobs/cancel-job.ts'
import { getJobRoute } from './jobs/get-job.ts'
import { listEventsRoute } from './jobs/list-events.ts'
import { listLogsRoute } from './jobs/list-logs.ts'
import { listJobsRoute } from './jobs/list-jobs.ts'
import { replayJobRoute } from './jobs/replay-job.ts'
import { submitBatchRoute } from './jobs/submit-batch.ts'
import { submitJobRoute } from './jobs/submit-job.ts'
import { nodeRoutes } from './nodes/node-routes.ts'
import type { Route } from './route.ts'
import { secretRoutes } from './secrets/secret-routes.ts'
import { systemRoutes } from './system/system-routes.ts'
import { taskRoutes } from './tasks/task-routes.ts'
import { scalingRoutes } from './tiers/scaling-routes.ts'
import { tierRoutes } from './tiers/tier-routes.ts'
import { userRoutes } from './users/user-routes.ts'

/** Every call of the API. Express looks through them in this order, so what is called most comes first. */
export function allRoutes(deps: GatewayDeps): Route[] {
  return [
    submitJobRoute(deps),
    submitBatchRoute(deps),
    listJobsRoute(deps),
    getJobRoute(deps),
    listEventsRoute(deps),
    listLogsRoute(deps),
    cancelJobRoute(deps),
    replayJobRoute(deps),
    listArtifactsRoute(deps),
    getArtifactRoute(deps),
    readLinkRoute(deps),
    ...authRoutes(deps),
    ...tierRoutes(deps),
    ...scalingRoutes(deps),
    ...nodeRoutes(deps),
    ...taskRoutes(deps),
    ...secretRoutes(deps),
    ...userRoutes(deps),
    clearCacheRoute(deps),
    ...systemRoutes(deps),
  ]
}
