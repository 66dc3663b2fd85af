import { join } from 'node:path'
import { startPostgres } from './postgres-server.ts'
import { readPrograms } from './programs.ts'
import { startRedis } from './redis-server.ts'
import { isSet, keep, stop, type Start } from './start.ts'

/** Starts Redis and Postgres, both at once, but not what REDIS_URL or DATABASE_URL name. @returns the options that lead to them */
export async function startStores(start: Start): Promise<{ DATABASE_URL?: string; REDIS_URL?: string }> {
  const { home, secrets, print, undo } = start
  const missing = [!isSet('REDIS_URL') && 'Redis', !isSet('DATABASE_URL') && 'Postgres'].filter(Boolean)
  if (missing.length === 0) return {}
  print(`Starting ${missing.join(' and ')}.`)
  const programs = readPrograms()
  let redisPort: number | undefined
  let postgresPort: number | undefined
  // Once up, they come back on the same port: the other processes know no other.
  const redis = isSet('REDIS_URL')
    ? undefined
    : keep(start, 'Redis', async () => {
        const server = await startRedis({
          programs,
          dir: join(home, 'redis'),
          password: secrets.redisPassword,
          log: print,
          ...(redisPort && { port: redisPort }),
        })
        redisPort = server.port
        return server
      })
  const postgres = isSet('DATABASE_URL')
    ? undefined
    : keep(start, 'Postgres', async () => {
        const server = await startPostgres({
          programs,
          dir: join(home, 'postgres'),
          password: secrets.postgresPassword,
          log: print,
          ...(postgresPort && { port: postgresPort }),
        })
        postgresPort = server.port
        return server
      })
  undo.push(() => Promise.all([stop(redis), stop(postgres)]))
  await Promise.allSettled([redis, postgres]) // a failure of one must not leave the other on its way
  const [redisServer, postgresServer] = await Promise.all([redis, postgres])
  return {
    ...(postgresServer && { DATABASE_URL: postgresServer.first.url }),
    ...(redisServer && { REDIS_URL: redisServer.first.url }),
  }
}
