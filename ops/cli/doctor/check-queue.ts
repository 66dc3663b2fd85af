import { readConfig } from '../../../core/config.ts'
import { silentLogger } from '../../../core/logger.ts'
import { makeMetrics } from '../../../core/metrics.ts'
import { openQueue, queueOptions } from '../../../queue/open-queue.ts'
import { checkConsumption } from './check-consumption.ts'
import { checkLedger } from './check-ledger.ts'
import { checkSizes } from './check-sizes.ts'
import { checkTasks } from './check-tasks.ts'
import type { Finding } from './finding.ts'

/** What the queue itself tells: whether its jobs find nodes, and whether all of them are accounted for. */
export async function checkQueue(stores: { databaseUrl: string; redisUrl: string }): Promise<Finding[]> {
  const config = {
    ...readConfig(queueOptions.filter((name) => name !== 'DATABASE_URL' && name !== 'REDIS_URL')),
    DATABASE_URL: stores.databaseUrl,
    REDIS_URL: stores.redisUrl,
  }
  const queue = await openQueue(config, { name: 'doctor', log: silentLogger, metrics: makeMetrics() })
  try {
    return [
      ...(await checkConsumption(queue.deps)),
      await checkTasks(queue.deps),
      await checkSizes(queue.deps),
      await checkLedger(queue.deps),
    ]
  } finally {
    await queue.close()
  }
}
