// A process of its own that starts both servers and waits; tests kill it.
import { startPostgres } from '../../../ops/local/postgres-server.ts'
import { readPrograms } from '../../../ops/local/programs.ts'
import { startRedis } from '../../../ops/local/redis-server.ts'

const [dir = '', password = ''] = process.argv.slice(2)
const programs = readPrograms()
const [redis, postgres] = await Promise.all([
  startRedis({ programs, password, dir: `${dir}/redis` }),
  startPostgres({ programs, password, dir: `${dir}/postgres`, settings: { fsync: 'off' } }),
])
process.send?.({ redisUrl: redis.url, postgresUrl: postgres.url })
