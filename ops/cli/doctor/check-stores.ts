import {
  diagnosePostgres,
  diagnoseRedis,
  type PostgresDiagnosis,
  type RedisDiagnosis,
} from '../../../queue/store/diagnose.ts'
import { showDuration } from '../../../core/durations.ts'
import { failure, type Finding, ok, warning } from './finding.ts'

/** scripts/setup asks for the same. */
const oldestPostgres = 14
const oldestRedis = 7

/** Leases and due times go by Postgres' clock alone, so a skew harms nothing but logs and tokens; those fail at 30 s. */
const skewWarningMs = 1000
const skewFailureMs = 30_000

/** Postgres keeps a few for its superuser. */
const connectionsWarningShare = 0.8

export async function checkPostgres(databaseUrl: string): Promise<Finding[]> {
  try {
    return judgePostgres(await diagnosePostgres(databaseUrl))
  } catch (error) {
    return [
      failure('postgres', `It can't be reached: ${reasonOf(error)}.`, 'Start it, or mend DATABASE_URL.'),
    ]
  }
}

export async function checkRedis(redisUrl: string): Promise<Finding[]> {
  try {
    return judgeRedis(await diagnoseRedis(redisUrl))
  } catch (error) {
    return [failure('redis', `It can't be reached: ${reasonOf(error)}.`, 'Start it, or mend REDIS_URL.')]
  }
}

export function judgePostgres(found: PostgresDiagnosis): Finding[] {
  const { version, connections, missingMigrations: missing } = found
  const major = Math.floor(version / 10_000)
  const usage = `${String(connections.used)} of ${String(connections.most)} connections are used`
  return [
    major >= oldestPostgres
      ? ok('postgres', `Postgres ${String(major)}.${String(version % 10_000)}.`)
      : failure(
          'postgres',
          `Postgres ${String(major)} is too old.`,
          `Use ${String(oldestPostgres)} or newer.`,
        ),
    missing.length === 0
      ? ok('postgres schema', 'All migrations are applied.')
      : warning(
          'postgres schema',
          `Not applied yet: ${missing.join(', ')}.`,
          'Run noodle migrate, or start any process.',
        ),
    found.isFsyncOn && found.isCommitSynchronous
      ? ok('postgres durability', 'A commit is on disk before it is acknowledged.')
      : failure(
          'postgres durability',
          'fsync or synchronous_commit is off: a power cut loses acknowledged jobs.',
          'Set fsync = on and synchronous_commit = on.',
        ),
    ...(found.isStandby
      ? [
          failure(
            'postgres role',
            'It is a standby, which takes no writes.',
            'Promote it, or mend DATABASE_URL.',
          ),
        ]
      : []),
    connections.used <= connections.most * connectionsWarningShare
      ? ok('postgres connections', `${usage}.`)
      : warning('postgres connections', `${usage}.`, 'Raise max_connections, or lower DATABASE_POOL_SIZE.'),
    judgeSkew('postgres clock', found.clockSkewMs),
  ]
}

export function judgeRedis(found: RedisDiagnosis): Finding[] {
  const { version, evictionPolicy } = found
  return [
    Number(version.split('.', 1)[0]) >= oldestRedis
      ? ok('redis', `Redis ${version}.`)
      : failure('redis', `Redis ${version} is too old.`, `Use ${String(oldestRedis)}.0 or newer.`),
    ...(found.isMaster
      ? []
      : [failure('redis role', 'It is a replica, which takes no writes.', 'Promote it, or mend REDIS_URL.')]),
    evictionPolicy === 'noeviction'
      ? ok('redis eviction', 'It never evicts.')
      : failure(
          'redis eviction',
          `maxmemory-policy is ${evictionPolicy ?? 'unknown'}: it would drop queued work when memory is short.`,
          'Set maxmemory-policy noeviction.',
        ),
    !found.isPersisting
      ? failure(
          'redis persistence',
          'Its last write to disk failed.',
          'Look into its log; its disk may be full.',
        )
      : found.isAppending
        ? ok('redis persistence', 'It appends to a file.')
        : warning(
            'redis persistence',
            'appendonly is off: after its restart waiting jobs are delivered anew from Postgres, which takes a moment.',
            'Set appendonly yes and appendfsync everysec.',
          ),
    judgeSkew('redis clock', found.clockSkewMs),
  ]
}

function judgeSkew(check: string, skewMs: number): Finding {
  const size = Math.abs(skewMs)
  const message = `Its clock is ${showDuration(size)} ${skewMs < 0 ? 'behind' : 'ahead of'} ours.`
  const remedy = 'Run a time service (chrony, systemd-timesyncd) on both machines.'
  if (size >= skewFailureMs) return failure(check, message, remedy)
  if (size >= skewWarningMs) return warning(check, message, remedy)
  return ok(check, 'It agrees with ours within a second.')
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0])
  return error instanceof Error ? error.message.replace(/\.$/, '') || error.name : String(error)
}
