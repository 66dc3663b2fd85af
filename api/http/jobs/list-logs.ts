import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { QueueError } from '../../../queue/domain/errors.ts'
import { endOf, type LogPosition, logStart, parsePosition } from '../../../queue/domain/log-line.ts'
import { findJob } from '../../../queue/use-cases/find-job.ts'
import { findLogTail, readLogs } from '../../../queue/use-cases/read-logs.ts'
import { type LogLineView, logLineView } from '../../contract/job-shapes.ts'
import { idParam, numberText, pageOf, pageQuery } from '../../contract/page-shapes.ts'
import { toLines } from '../../logs/log-lines.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, route } from '../route.ts'

const query = z.strictObject({
  limit: pageQuery.limit,
  cursor: z.string().max(200).optional().describe('`nextCursor` of the page before, or the id of a line.'),
  attempt: numberText.optional().describe('Only lines of this attempt.'),
  tail: numberText
    .pipe(z.number().int().min(1, 'must be 1 to 10000').max(10_000, 'must be 1 to 10000'))
    .optional()
    .describe('Begins so many lines before the end. Not together with cursor.'),
})

/** How long a client may take to take what it was sent; then it is cut off, and goes on after its last line when it comes again. */
const slowClientMs = 30_000

export const listLogsRoute = (deps: GatewayDeps) =>
  route({
    method: 'get',
    path: '/v1/jobs/:id/logs',
    access: 'read',
    tag: 'Jobs',
    summary: "Read a job's log",
    description:
      'Its lines, oldest first, attempt by attempt. With `Accept: text/event-stream` live until the job ends: events `lines` with some consecutive lines each, {attempt, firstSeq, lines: [{at, stream, text}]}, and at last `end`; a stream that broke goes on after `Last-Event-ID`.',
    headers: { 'Last-Event-ID': 'For streams: the id of the last line that was seen.' },
    params: idParam,
    query,
    responses: {
      200: { description: 'A page of lines', schema: pageOf(logLineView) },
      404: { description: 'No such job, or another tenant’s' },
    },
    async handle(call) {
      const { id } = call.params
      await findJob(deps.queue, actorOf(call), id)
      const { limit, tail } = call.query
      const attempt = call.query.attempt ?? null
      const isStream = call.header('Accept')?.includes('text/event-stream') === true
      const cursor = (isStream ? call.header('Last-Event-ID') : undefined) ?? call.query.cursor
      const after =
        tail === undefined || cursor !== undefined
          ? readPosition(cursor)
          : await findLogTail(deps.queue, id, tail, attempt)
      if (isStream)
        return {
          stream: (response) => streamLines(deps, { id, after, attempt, gone: call.dismissed() }, response),
        }

      return { status: 200, body: await readPage(deps, { id, after, attempt, limit }) }
    },
  })

async function readPage(
  deps: GatewayDeps,
  page: { id: string; after: LogPosition; attempt: number | null; limit: number },
): Promise<{ items: LogLineView[]; nextCursor: string | null }> {
  const lines: LogLineView[] = []
  let after = page.after
  while (lines.length <= page.limit) {
    const chunks = await readLogs(deps.queue, page.id, after, page.attempt)
    const last = chunks.at(-1)
    if (!last) break
    lines.push(...chunks.flatMap(toLines))
    after = endOf(last)
  }
  const items = lines.slice(0, page.limit)
  return { items, nextCursor: lines.length > page.limit ? (items.at(-1)?.id ?? null) : null }
}

/** @throws INVALID_REQUEST */
function readPosition(cursor: string | undefined): LogPosition {
  if (cursor === undefined) return logStart
  const position = parsePosition(cursor)
  if (position) return position
  throw new QueueError('INVALID_REQUEST', 'cursor is not the id of a line; leave it out to begin anew.', {
    fields: [{ path: 'cursor', message: 'must be a nextCursor or the id of a line' }],
  })
}

async function streamLines(
  deps: GatewayDeps,
  options: { id: string; after: LogPosition; attempt: number | null; gone: AbortSignal },
  response: ServerResponse,
): Promise<void> {
  const { gone } = options
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  })
  response.flushHeaders()
  for await (const piece of deps.logFeeds.follow(options.id, options)) {
    if (response.write(piece?.text ?? ': still here\n\n')) continue
    if (!(await drained(response))) {
      response.destroy()
      return
    }
  }
  response.end(gone.aborted ? '' : 'event: end\ndata: {}\n\n')
}

/** False when the client takes nothing for too long, or has gone. */
async function drained(response: ServerResponse): Promise<boolean> {
  if (!response.writableNeedDrain) return true
  if (response.closed) return false
  return new Promise((resolve) => {
    const settle = (isDrained: boolean) => () => {
      clearTimeout(timer)
      response.off('drain', onDrain).off('close', onClose)
      resolve(isDrained)
    }
    const [onDrain, onClose] = [settle(true), settle(false)]
    const timer = setTimeout(onClose, slowClientMs)
    response.on('drain', onDrain).on('close', onClose)
  })
}
