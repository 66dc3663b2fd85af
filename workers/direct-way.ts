import type { Config, OptionName } from '../core/config.ts'
import { openSecretBox } from '../queue/domain/secret-box.ts'
import { makeClaimLoop } from '../queue/intake/claim-loop.ts'
import { makeConsumerWatchdog } from '../queue/intake/consumer-watchdog.ts'
import { openQueue, queueOptions } from '../queue/open-queue.ts'
import { migrateWhenUp } from '../queue/store/migrate.ts'
import { makeDirectPlatform } from './direct-platform.ts'
import type { Way, WayDeps } from './way.ts'
import { checkTiers } from './worker-config.ts'

export const wayOptions = [
  ...queueOptions,
  'SECRETS_KEY',
  'SECRETS_PREVIOUS_KEYS',
] as const satisfies OptionName[]

/** The way of a worker beside the stores: the faster one. @throws ConfigError */
export async function openWay({ config: read, tiers, log, metrics }: WayDeps): Promise<Way> {
  const config = read as Pick<Config, (typeof wayOptions)[number]>
  checkTiers(
    tiers,
    config.TIERS.map(({ name }) => name),
  )
  await migrateWhenUp(config.DATABASE_URL, log)
  const queue = await openQueue(config, { name: 'worker', log, metrics })
  const { deps } = queue
  return {
    platform: makeDirectPlatform(deps, openSecretBox(config)),
    newId: deps.newId,
    connection: { name: 'stores', start: () => Promise.resolve(), stop: () => queue.close() },
    configHistory: deps.configHistory,
    openIntake(options) {
      const { runs, capacity } = options
      const watchdog = makeConsumerWatchdog(deps, { hasFreeSlot: () => runs.count() < capacity.slots })
      const deliveries = { ...deps.deliveries, consume: watchdog.consume }
      return { intake: makeClaimLoop({ ...deps, deliveries }, options), beside: [watchdog] }
    },
  }
}
