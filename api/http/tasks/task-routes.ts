import { z } from 'zod'
import { taskKinds } from '../../../queue/domain/node.ts'
import { findTask, listTasks } from '../../../queue/use-cases/catalogue.ts'
import { pageOf } from '../../contract/page-shapes.ts'
import type { GatewayDeps } from '../../gateway-deps.ts'
import { route } from '../route.ts'

const schemaView = z.record(z.string(), z.unknown())
export const taskView = z
  .object({
    name: z.string(),
    version: z.string(),
    description: z.string(),
    payloadSchema: schemaView.describe('JSON Schema of the payload.'),
    resultSchema: schemaView.describe('JSON Schema of the result.'),
    kind: z.enum(taskKinds).describe('How its nodes run it.'),
    deterministic: z
      .boolean()
      .optional()
      .describe('Equal payloads give equal results, so jobs may ask for `cache`.'),
    defaults: schemaView.optional().describe('What holds for its jobs where a submission is silent.'),
    secrets: z.array(z.string()).optional().describe('Names of the secrets that its runs get.'),
    nodes: z.record(z.string(), z.number()).describe('Live nodes that offer it, by tier.'),
  })
  .meta({ id: 'Task' })

export const taskRoutes = (deps: GatewayDeps) => [
  route({
    method: 'get',
    path: '/v1/tasks',
    access: 'read',
    tag: 'Tasks',
    summary: 'List the tasks: what is built in, and what nodes offer or have offered',
    responses: { 200: { description: 'All tasks, by name', schema: pageOf(taskView) } },
    async handle() {
      return { status: 200, body: { items: listTasks(await deps.catalogue()), nextCursor: null } }
    },
  }),
  route({
    method: 'get',
    path: '/v1/tasks/:name',
    access: 'read',
    tag: 'Tasks',
    summary: 'Read a task',
    params: z.object({ name: z.string() }),
    responses: { 200: { description: 'The task', schema: taskView }, 404: { description: 'No such task' } },
    async handle(call) {
      return { status: 200, body: findTask(await deps.catalogue(), call.params.name) }
    },
  }),
]
