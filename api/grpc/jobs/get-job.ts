import type { GetRequest__Output } from '../../../proto/generated/noodle/v1/GetRequest.ts'
import type { Job } from '../../../proto/generated/noodle/v1/Job.ts'
import { readJob } from '../../../queue/use-cases/find-job.ts'
import { withBlobs } from '../../../queue/use-cases/show-job.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, unary } from '../method.ts'
import { toJobMessage } from './job-message.ts'
import { readId } from './read-id.ts'

export const getJobMethod = (deps: GatewayDeps) =>
  unary<GetRequest__Output, Job>({
    access: 'read',
    async handle(call, request) {
      const job = await readJob(deps.queue, actorOf(call), readId(request))
      return toJobMessage(await withBlobs(deps.queue, job), deps.links)
    },
  })
