import type { CancelRequest__Output } from '../../../proto/generated/noodle/v1/CancelRequest.ts'
import type { Job } from '../../../proto/generated/noodle/v1/Job.ts'
import { cancelJob } from '../../../queue/use-cases/cancel-job.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, unary } from '../method.ts'
import { toJobMessage } from './job-message.ts'
import { readId } from './read-id.ts'

export const cancelJobMethod = (deps: GatewayDeps) =>
  unary<CancelRequest__Output, Job>({
    access: 'write',
    async handle(call, request) {
      return toJobMessage(await cancelJob(deps.queue, actorOf(call), readId(request)), deps.links)
    },
  })
