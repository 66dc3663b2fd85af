import { promisify } from 'node:util'
import { deflateRaw, inflateRaw } from 'node:zlib'
import { lastSeqOf, type LogChunk, type LogPosition, type PackedLine } from '../domain/log-line.ts'
import { leastIdAt } from './least-id.ts'
import type { Postgres } from './postgres.ts'

const deflate = promisify(deflateRaw)
const inflate = promisify(inflateRaw)

/** Fast, and a fifth of the text is left of ordinary logs; higher levels cost much more for little. */
const level = 1

/** Text that a reading brings at most, give or take a chunk. */
const pageBytes = 524_288
/** Rows that a reading looks at, at most. */
const pageRows = 256

/** Consecutive lines, by their numbers. */
export interface LogRange {
  attempt: number
  firstSeq: number
  lastSeq: number
}

export type LogChunksTable = ReturnType<typeof openLogChunksTable>

/** Logs as they are kept. */
export function openLogChunksTable(postgres: Postgres) {
  return {
    /**
     * Twice is harmless. The commit is not waited for on disk: a later one that is, such as that of the job's end, brings it there too, since the
     * write-ahead log has one order.
     */
    async insert(chunks: readonly { jobId: string; chunk: LogChunk; textBytes: number }[]): Promise<void> {
      const lines = await Promise.all(
        chunks.map(({ chunk }) => deflate(JSON.stringify(chunk.lines), { level })),
      )
      await postgres.query(
        `INSERT INTO job_log_chunks (job_id, attempt, first_seq, last_seq, text_bytes, lines)
         SELECT job_id, attempt, first_seq, last_seq, text_bytes, lines
         FROM set_config('synchronous_commit', 'off', true),
              unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::bytea[])
                AS new(job_id, attempt, first_seq, last_seq, text_bytes, lines)
         ON CONFLICT DO NOTHING`,
        [
          chunks.map(({ jobId }) => jobId),
          chunks.map(({ chunk }) => chunk.attempt),
          chunks.map(({ chunk }) => chunk.firstSeq),
          chunks.map(({ chunk }) => lastSeqOf(chunk)),
          chunks.map(({ textBytes }) => textBytes),
          lines,
        ],
      )
    },

    /** Chunks that hold lines after a position, in order; they may overlap. `isMore` when there may be more. */
    async read(
      jobId: string,
      after: LogPosition,
      attempt: number | null = null,
    ): Promise<{ chunks: LogChunk[]; isMore: boolean }> {
      const rows = await postgres.query<Omit<LogRange, 'lastSeq'> & { lines: Buffer; textBytes: number }>(
        `SELECT attempt, first_seq AS "firstSeq", text_bytes AS "textBytes", lines
         FROM (
           SELECT *, sum(text_bytes) OVER (ORDER BY attempt, last_seq) - text_bytes AS bytes_before
           FROM (
             SELECT * FROM job_log_chunks
             WHERE job_id = $1 AND (attempt, last_seq) > ($2, $3) AND ($4::integer IS NULL OR attempt = $4)
             ORDER BY attempt, last_seq LIMIT ${String(pageRows)}
           ) AS rows
         ) AS page
         WHERE bytes_before < ${String(pageBytes)} ORDER BY attempt, last_seq`,
        [jobId, after.attempt, after.seq, attempt],
      )
      const chunks = await Promise.all(
        rows.map(async (row) => ({
          attempt: row.attempt,
          firstSeq: row.firstSeq,
          lines: JSON.parse((await inflate(row.lines)).toString()) as PackedLine[],
        })),
      )
      const bytes = rows.reduce((sum, row) => sum + row.textBytes, 0)
      return { chunks, isMore: rows.length === pageRows || bytes >= pageBytes }
    },

    /**
     * Removes a round of rows of jobs that ended before the retention time, oldest ids first, each log from its begin. The primary keys of both tables
     * alone find them, since an id begins with its time. Fewer chunks than the limit mean that none is left.
     */
    async prune(options: {
      retentionDays: number
      limit: number
    }): Promise<{ chunks: number; textBytes: number }> {
      const rows = await postgres.query<{ chunks: number; textBytes: number }>(
        `WITH old AS (
           SELECT job_id, chunk.attempt, last_seq FROM job_log_chunks AS chunk JOIN jobs ON jobs.id = job_id
           WHERE job_id < ${leastIdAt("now() - $1 * interval '1 day'")}
             AND state IN ('succeeded', 'failed', 'cancelled', 'expired') AND finished_at < now() - $1 * interval '1 day'
           ORDER BY job_id, chunk.attempt, last_seq LIMIT $2
         ), gone AS (
           DELETE FROM job_log_chunks AS chunk USING old
           WHERE chunk.job_id = old.job_id AND chunk.attempt = old.attempt AND chunk.last_seq = old.last_seq
           RETURNING text_bytes
         )
         SELECT count(*) AS chunks, coalesce(sum(text_bytes), 0) AS "textBytes" FROM gone`,
        [options.retentionDays, options.limit],
      )
      return rows[0] ?? { chunks: 0, textBytes: 0 }
    },

    /** The last chunks, newest first, as many as hold `lines` lines. */
    async findLast(jobId: string, lines: number, attempt: number | null = null): Promise<LogRange[]> {
      return postgres.query<LogRange>(
        `SELECT attempt, first_seq AS "firstSeq", last_seq AS "lastSeq"
         FROM (
           SELECT *, sum(last_seq - first_seq + 1) OVER (ORDER BY attempt DESC, last_seq DESC) - (last_seq - first_seq + 1) AS lines_before
           FROM (
             SELECT attempt, first_seq, last_seq FROM job_log_chunks
             WHERE job_id = $1 AND ($3::integer IS NULL OR attempt = $3)
             ORDER BY attempt DESC, last_seq DESC LIMIT $2
           ) AS ranges
         ) AS counted
         WHERE lines_before < $2 ORDER BY attempt DESC, last_seq DESC`,
        [jobId, lines, attempt],
      )
    },
  }
}
