import type { PackageDefinition } from '@grpc/proto-loader'
import type { GatewayDeps } from '../../gateway-deps.ts'
import type { Service } from '../method.ts'
import type { StatusMaker } from '../to-status.ts'
import { makeAnswerWriter } from './answer-writer.ts'
import { cancelJobMethod } from './cancel-job.ts'
import { getJobMethod } from './get-job.ts'
import { listJobsMethod } from './list-jobs.ts'
import { listTiersMethod } from './list-tiers.ts'
import { replayJobMethod } from './replay-job.ts'
import { makeSubmissionReader } from './submission-reader.ts'
import { submitJobMethod } from './submit-job.ts'
import { submitStreamMethod } from './submit-stream.ts'
import { watchJobMethod } from './watch-job.ts'

export function jobService(deps: GatewayDeps, protocol: PackageDefinition, statuses: StatusMaker): Service {
  const reader = makeSubmissionReader(protocol)
  const answers = makeAnswerWriter(protocol, statuses)
  return {
    name: 'noodle.v1.JobService',
    methods: {
      Submit: submitJobMethod(deps, reader, answers),
      SubmitStream: submitStreamMethod(deps, reader, answers),
      Get: getJobMethod(deps),
      List: listJobsMethod(deps),
      Watch: watchJobMethod(deps),
      Cancel: cancelJobMethod(deps),
      Replay: replayJobMethod(deps, answers),
      ListTiers: listTiersMethod(deps),
    },
  }
}
