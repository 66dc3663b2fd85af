import type { DefaultUse } from '../../domain/rightsizing.ts'
import type { Postgres } from '../postgres.ts'

/** The newest jobs that are looked at. */
const sample = 50_000

/** What jobs of a task have used in a tier whose submissions did not say what they ask for; of the newest jobs. */
export async function readDefaultUse(postgres: Postgres): Promise<DefaultUse[]> {
  return postgres.query<DefaultUse>(
    `WITH recent AS (
       SELECT tier, tenant, task, state, cpu, memory_mb, resources_from, error, usage FROM jobs ORDER BY id DESC LIMIT $1
     ), ours AS (
       SELECT tier, task, error->>'code' = 'OUT_OF_MEMORY' AS lacked, state = 'succeeded' AND usage IS NOT NULL AS is_told,
              (usage->>'wallMs')::float8 AS wall_ms, (usage->>'cpuMs')::float8 AS cpu_ms, (usage->>'maxRssBytes')::float8 / 1048576 AS mb
       FROM recent
       WHERE tenant NOT LIKE '\\_%'
         AND coalesce(resources_from, CASE WHEN cpu = 0 AND memory_mb = 0 THEN 'nobody' ELSE 'job' END) <> 'job'
     )
     SELECT tier, task, count(*) FILTER (WHERE is_told)::integer AS jobs, coalesce(bool_or(lacked), false) AS "lackedMemory",
            percentile_disc(0.95) WITHIN GROUP (ORDER BY cpu_ms / greatest(wall_ms, 1)) FILTER (WHERE is_told AND cpu_ms IS NOT NULL) AS cpu,
            percentile_disc(0.95) WITHIN GROUP (ORDER BY mb) FILTER (WHERE is_told AND mb IS NOT NULL) AS "memoryMb",
            max(mb) FILTER (WHERE is_told) AS "mostMemoryMb"
     FROM ours GROUP BY tier, task`,
    [sample],
  )
}
