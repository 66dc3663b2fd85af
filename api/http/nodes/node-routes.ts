import { z } from 'zod'
import { QueueError } from '../../../queue/domain/errors.ts'
import { type Node, nodeStates } from '../../../queue/domain/node.ts'
import { pageOf, pageQuery, readCursor, toPage } from '../../contract/page-shapes.ts'
import { audit } from '../audit.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { route } from '../route.ts'

export const nodeView = z
  .object({
    id: z.string(),
    bootId: z.uuid(),
    state: z.enum(nodeStates),
    tiers: z.array(z.string()),
    cpus: z.number(),
    memoryMb: z.number(),
    gpus: z.number(),
    concurrency: z.number(),
    running: z.number(),
    version: z.string(),
    tasks: z.array(z.string()),
    readsFormat: z.number(),
    startedAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime(),
    drainedAt: z.iso
      .datetime()
      .nullable()
      .describe('Since when a draining node has had no jobs: its process can be stopped.'),
    use: z
      .object({ cpu: z.number().nullable(), memory: z.number().nullable(), gpu: z.number().nullable() })
      .describe('How far its machine is used, 0 to 1; null for what can not be told.'),
  })
  .meta({ id: 'Node' })

const toNodeView = ({ tasks, isRecallable: _, ...node }: Node) => ({
  ...node,
  tasks: tasks.map((task) => task.name),
})

export const nodeRoutes = (deps: GatewayDeps) => [
  route({
    method: 'get',
    path: '/v1/nodes',
    access: 'read',
    tag: 'Tiers and nodes',
    summary: 'List nodes: live ones, and those that ended in the last hour',
    query: z.strictObject(pageQuery),
    responses: { 200: { description: 'A page of nodes, newest first', schema: pageOf(nodeView) } },
    async handle(call) {
      const { limit, cursor } = call.query
      const nodes = await deps.queue.nodes.list({ limit: limit + 1, before: readCursor(cursor) })
      return { status: 200, body: toPage(nodes, limit, (node) => node.bootId, toNodeView) }
    },
  }),
  route({
    method: 'post',
    path: '/v1/nodes/:id/drain',
    access: 'manage',
    tag: 'Tiers and nodes',
    summary: 'Tell a node to take no more jobs',
    description:
      'It finishes what it runs and stays registered as draining; stop its process then. Scaling does not call it back.',
    params: z.object({ id: z.string() }),
    body: z.strictObject({}),
    isBodyOptional: true,
    responses: {
      200: { description: 'The node', schema: nodeView },
      404: { description: 'No live node of this id' },
    },
    async handle(call) {
      const { id } = call.params
      const isDraining = await deps.queue.nodes.drain(id)
      const node = isDraining ? await deps.queue.nodes.findLive(id) : null
      if (!node) throw new QueueError('NODE_NOT_FOUND', `There is no live node ${id}.`)
      deps.queue.signals.tellNode(id)
      await audit(deps, call, 'node.drain', id, {})
      return { status: 200, body: toNodeView(node) }
    },
  }),
]
