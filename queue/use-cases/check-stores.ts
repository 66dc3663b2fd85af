import type { PostgresDiagnosis, RedisDiagnosis } from '../store/diagnose.ts'
import type { QueueDeps } from './queue-deps.ts'

/** What must be true of a store, and the sentence for when it is not. */
interface Check<Diagnosis> {
  name: string
  isOk: (found: Diagnosis) => boolean
  trouble: string
  /** True when the platform works only in part meanwhile, which /ready tells. The others concern what a power cut or a restart would cost. */
  isDegrading?: true
}

const postgresChecks: Check<PostgresDiagnosis>[] = [
  {
    name: 'postgres_fsync',
    isOk: (found) => found.isFsyncOn,
    trouble: 'fsync is off in Postgres: a power cut loses acknowledged jobs.',
  },
  {
    name: 'postgres_synchronous_commit',
    isOk: (found) => found.isCommitSynchronous,
    trouble: 'synchronous_commit is off in Postgres: a power cut loses acknowledged jobs.',
  },
  {
    name: 'postgres_primary',
    isOk: (found) => !found.isStandby,
    trouble: 'Postgres is a standby, which takes no writes.',
    isDegrading: true,
  },
]

const redisChecks: Check<RedisDiagnosis>[] = [
  {
    name: 'redis_noeviction',
    isOk: (found) => found.evictionPolicy === 'noeviction',
    trouble: 'Redis may evict: set its maxmemory-policy to noeviction.',
    isDegrading: true,
  },
  {
    name: 'redis_appendonly',
    isOk: (found) => found.isAppending,
    trouble: 'appendonly is off in Redis: after its restart all deliveries are sent again.',
  },
  {
    name: 'redis_master',
    isOk: (found) => found.isMaster,
    trouble: 'Redis is a replica, which takes no writes.',
    isDegrading: true,
  },
]

type Outcome = Pick<Check<never>, 'name' | 'trouble' | 'isDegrading'> & { isOk: boolean | 'unknown' }

/**
 * R9: makes the function that looks whether the stores are set up as they must be. It sets the metric of each check, logs each that turns bad or good
 * again, and keeps for the gateways what concerns them. A Postgres whose epoch is lower than the last one seen fell back to an older state without
 * telling (a disk was restored): its epoch is raised past the one that it forgot.
 */
export function makeStoreChecks(
  deps: Pick<QueueDeps, 'diagnosis' | 'platform' | 'metrics' | 'log'>,
): () => Promise<void> {
  const troubled = new Set<string>()
  let highestEpoch = 0

  async function checkEpoch(epoch: number | null | undefined): Promise<Outcome> {
    const isOk = epoch === null || epoch === undefined ? 'unknown' : epoch >= highestEpoch
    if (isOk === false) await deps.platform.raiseEpoch(highestEpoch + 1)
    highestEpoch = Math.max(highestEpoch, epoch ?? 0)
    return {
      name: 'postgres_epoch',
      isOk,
      trouble: 'Postgres fell back to an older state: jobs accepted since then are lost.',
      isDegrading: true,
    }
  }

  function report({ name, isOk, trouble }: Outcome): void {
    if (isOk === 'unknown') deps.metrics.storeCheck.remove({ check: name })
    else deps.metrics.storeCheck.set({ check: name }, isOk ? 1 : 0)
    if (isOk === false && !troubled.has(name)) {
      troubled.add(name)
      deps.log.warn('a store is not as it must be', { check: name, trouble })
    }
    if (isOk === true && troubled.delete(name))
      deps.log.info('a store is as it must be again', { check: name })
  }

  return async () => {
    const [postgres, redis] = await Promise.all([
      deps.diagnosis.postgres().catch(() => null),
      deps.diagnosis.redis().catch(() => null),
    ])
    const outcomes = [
      { name: 'postgres_reachable', isOk: postgres !== null, trouble: 'Postgres is away.' },
      { name: 'redis_reachable', isOk: redis !== null, trouble: 'Redis is away.' },
      ...judge(postgresChecks, postgres),
      ...judge(redisChecks, redis),
      await checkEpoch(postgres?.epoch),
    ]
    outcomes.forEach(report)
    if (postgres)
      await deps.platform.recordStoreTroubles(
        outcomes
          .filter(({ isOk, isDegrading }) => isOk === false && isDegrading)
          .map(({ trouble }) => trouble),
      )
  }
}

const judge = <Diagnosis>(checks: readonly Check<Diagnosis>[], found: Diagnosis | null): Outcome[] =>
  checks.map(({ isOk, ...check }) => ({ ...check, isOk: found === null ? 'unknown' : isOk(found) }))
