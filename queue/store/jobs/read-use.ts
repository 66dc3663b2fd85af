import type { TaskUse } from '../../domain/rightsizing.ts'
import type { Postgres } from '../postgres.ts'

/** The newest jobs that are looked at. */
const sample = 50_000

/** What succeeded jobs of a tier have used, by task and by what they asked for; of the newest jobs, those that ran most first. */
export async function readUse(postgres: Postgres, tier: string): Promise<TaskUse[]> {
  const rows = await postgres.query<
    TaskUse & { asked_cpu: number; asked_memory_mb: number; asked_gpu: number }
  >(
    `WITH recent AS (
       SELECT tier, tenant, task, state, cpu, memory_mb, gpu, usage FROM jobs ORDER BY id DESC LIMIT $2
     ), used AS (
       SELECT *, (usage->>'wallMs')::float8 AS wall_ms, (usage->>'cpuMs')::float8 AS cpu_ms, (usage->>'maxRssBytes')::float8 AS rss
       FROM recent WHERE tier = $1 AND state = 'succeeded' AND usage IS NOT NULL AND tenant NOT LIKE '\\_%'
     )
     SELECT tier, task, cpu AS asked_cpu, memory_mb AS asked_memory_mb, gpu AS asked_gpu, count(*)::integer AS jobs,
            percentile_disc(0.95) WITHIN GROUP (ORDER BY cpu_ms / greatest(wall_ms, 1)) FILTER (WHERE cpu_ms IS NOT NULL) AS cpu,
            percentile_disc(0.95) WITHIN GROUP (ORDER BY rss / 1048576) FILTER (WHERE rss IS NOT NULL) AS "memoryMb",
            avg(wall_ms) / 1000 AS seconds
     FROM used GROUP BY tier, task, cpu, memory_mb, gpu ORDER BY sum(wall_ms) DESC LIMIT 200`,
    [tier, sample],
  )
  return rows.map(({ asked_cpu: cpu, asked_memory_mb: memoryMb, asked_gpu: gpu, ...row }) => ({
    ...row,
    asked: { cpu, memoryMb, gpu },
  }))
}
