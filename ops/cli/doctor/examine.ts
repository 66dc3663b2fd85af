import { findGatewayUrl } from '../session.ts'
import { findStores } from '../stores.ts'
import { checkBlobs } from './check-blobs.ts'
import { checkGateway } from './check-gateway.ts'
import { checkConfig, checkNode, checkPort } from './check-process.ts'
import { checkQueue } from './check-queue.ts'
import { checkPostgres, checkRedis } from './check-stores.ts'
import { type Finding, warning } from './finding.ts'

/** All findings about this installation, in the order in which one would mend them. */
export async function examine(): Promise<Finding[]> {
  const config = checkConfig()
  // With a wrong configuration the others would look in wrong places.
  if (config.status === 'failure') return [checkNode(process.versions.node), config]
  const { databaseUrl, redisUrl } = findStores()
  const unknown = 'It is not known: no platform of this home runs, and no URL is set.'
  const postgres =
    databaseUrl === undefined
      ? [warning('postgres', unknown, 'Set DATABASE_URL, or start the platform with npm start.')]
      : await checkPostgres(databaseUrl)
  const redis =
    redisUrl === undefined
      ? [warning('redis', unknown, 'Set REDIS_URL, or start the platform with npm start.')]
      : await checkRedis(redisUrl)
  // The queue is read only where its schema is that of this version, and its Redis answers.
  const isReadable =
    postgres.some(({ check, status }) => check === 'postgres schema' && status === 'ok') && redis.length > 1
  const url = findGatewayUrl()
  const isRunning = databaseUrl !== undefined || url !== undefined
  return [
    checkNode(process.versions.node),
    config,
    ...postgres,
    ...redis,
    await checkBlobs(),
    isRunning && url !== undefined ? await checkGateway(url) : await checkPort(),
    ...(isReadable && databaseUrl !== undefined && redisUrl !== undefined
      ? await checkQueue({ databaseUrl, redisUrl })
      : []),
  ]
}
