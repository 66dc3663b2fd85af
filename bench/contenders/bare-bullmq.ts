import { makeNaive } from './naive.ts'
import type { Contender } from '../contender.ts'
import type { Stores } from '../stores.ts'

/** BullMQ by itself: nothing before it, nothing durable behind it. */
export function makeBareBullmq(stores: Stores): Contender {
  const { startGateway: _none, ...rest } = makeNaive('redis', 'bare BullMQ', stores)
  return rest
}
