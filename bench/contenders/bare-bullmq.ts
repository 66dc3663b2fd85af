import { Queue } from 'bullmq'
import type { JobPlatform } from '../contender.ts'
import { payload } from '../contender.ts'
import type { Stores } from '../stores.ts'
import { makeNaive } from './naive.ts'

/** BullMQ by itself: nothing before it, nothing durable behind it. */
export function makeBareBullmq(stores: Stores): JobPlatform {
  const { startGateway: _none, ...rest } = makeNaive('redis', 'bare BullMQ', stores)
  let queue: Queue | undefined
  return {
    ...rest,
    async addOne() {
      queue ??= new Queue('jobs', { connection: stores.redis })
      return (await queue.add('echo', payload, { removeOnComplete: 1000, attempts: 3 })).id ?? ''
    },
  }
}
