import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { isTerminal } from '../../../queue/domain/job-state.ts'
import { findJob } from '../../../queue/use-cases/find-job.ts'
import { eventView } from '../../contract/job-shapes.ts'
import { idParam } from '../../contract/page-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, route } from '../route.ts'

/** Proxies close a connection that is silent for a minute or so. */
const heartbeatMs = 15_000

export const listEventsRoute = (deps: GatewayDeps) =>
  route({
    method: 'get',
    path: '/v1/jobs/:id/events',
    access: 'read',
    tag: 'Jobs',
    summary: "Read a job's timeline",
    description:
      'Oldest first. With `Accept: text/event-stream` live until the job ends, with events `state`, and `progress` {attempt, progress, note} where the task tells; a stream that broke goes on after `Last-Event-ID`.',
    headers: { 'Last-Event-ID': 'For streams: the last seq that was seen.' },
    params: idParam,
    responses: {
      200: { description: 'The timeline', schema: z.object({ items: z.array(eventView) }) },
      404: { description: 'No such job, or another tenant’s' },
    },
    async handle(call) {
      const { id } = call.params
      await findJob(deps.queue, actorOf(call), id)
      if (!call.header('Accept')?.includes('text/event-stream'))
        return { status: 200, body: { items: await deps.queue.jobs.listEvents(id) } }
      const lastSeen = Number(call.header('Last-Event-ID') ?? 0)
      return {
        stream: (response) =>
          streamEvents(deps, id, Number.isSafeInteger(lastSeen) ? lastSeen : 0, response, call.gone),
      }
    },
  })

/** Server-sent events (WHATWG HTML, 9.2): one per event of the job, its seq as id. */
async function streamEvents(
  deps: GatewayDeps,
  id: string,
  afterSeq: number,
  response: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  })
  response.flushHeaders()
  let wake: () => void = () => undefined
  let seq = afterSeq
  let hasEnded = false
  let toldProgress = ''
  const forget = deps.watch.onChange(id, () => wake())
  gone.addEventListener('abort', () => wake())
  try {
    while (!hasEnded && !gone.aborted && !deps.isStopping()) {
      const changed = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, heartbeatMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      const events = await deps.queue.jobs.listEvents(id, seq)
      for (const event of events)
        response.write(`id: ${String(event.seq)}\nevent: state\ndata: ${JSON.stringify(event)}\n\n`)
      const progress = await deps.queue.jobs.findProgress(id)
      if (progress && JSON.stringify(progress) !== toldProgress) {
        toldProgress = JSON.stringify(progress)
        response.write(`event: progress\ndata: ${toldProgress}\n\n`)
      }
      const last = events.at(-1)
      seq = last?.seq ?? seq
      hasEnded = last !== undefined ? isTerminal(last.state) : seq > 0 && (await isOver(deps, id))
      if (hasEnded) wake()
      else if (events.length === 0) response.write(': still here\n\n')
      await changed
    }
  } finally {
    wake()
    forget()
    response.end()
  }
}

/** For a stream that is resumed after the last event. */
async function isOver(deps: GatewayDeps, id: string): Promise<boolean> {
  return (await deps.queue.jobs.findEnded([id])).length > 0
}
