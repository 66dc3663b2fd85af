import type { GatewayDeps } from '../../gateway-deps.ts'
import type { Service } from '../method.ts'
import type { StatusMaker } from '../to-status.ts'
import { cancelJobMethod } from './cancel-job.ts'
import { getJobMethod } from './get-job.ts'
import { listJobsMethod } from './list-jobs.ts'
import { listTiersMethod } from './list-tiers.ts'
import { replayJobMethod } from './replay-job.ts'
import { submitJobMethod } from './submit-job.ts'
import { submitStreamMethod } from './submit-stream.ts'
import { watchJobMethod } from './watch-job.ts'

export const jobService = (deps: GatewayDeps, statuses: StatusMaker): Service => ({
  name: 'noodle.v1.JobService',
  methods: {
    Submit: submitJobMethod(deps),
    SubmitStream: submitStreamMethod(deps, statuses),
    Get: getJobMethod(deps),
    List: listJobsMethod(deps),
    Watch: watchJobMethod(deps),
    Cancel: cancelJobMethod(deps),
    Replay: replayJobMethod(deps),
    ListTiers: listTiersMethod(deps),
  },
})
