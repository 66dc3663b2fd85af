import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { findJob } from '../../../queue/use-cases/find-job.ts'
import { eventView } from '../../contract/job-shapes.ts'
import { idParam } from '../../contract/page-shapes.ts'
import { followEvents } from '../../follow-events.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { actorOf, route } from '../route.ts'

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
          streamEvents(deps, id, Number.isSafeInteger(lastSeen) ? lastSeen : 0, response, call.dismissed()),
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
  try {
    for await (const one of followEvents(deps, id, afterSeq, gone)) {
      if (one.kind === 'event')
        response.write(`id: ${String(one.event.seq)}\nevent: state\ndata: ${JSON.stringify(one.event)}\n\n`)
      else if (one.kind === 'progress')
        response.write(`event: progress\ndata: ${JSON.stringify(one.progress)}\n\n`)
      else response.write(': still here\n\n')
    }
  } finally {
    response.end()
  }
}
