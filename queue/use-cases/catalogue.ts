import { z } from 'zod'
import { builtinTasks, type TaskDefinition } from '../domain/builtin-tasks.ts'
import { QueueError } from '../domain/errors.ts'
import type { TaskOffer } from '../domain/node.ts'
import type { Fleet } from './fleet.ts'

export interface CatalogueTask extends TaskOffer {
  /** Live nodes that offer it, by tier. */
  nodes: Record<string, number>
}

/** How a definition is published: its shapes as JSON Schema. */
export function toOffer(task: TaskDefinition): TaskOffer {
  const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { unrepresentable: 'any' })
  return {
    name: task.name,
    version: task.version,
    description: task.description,
    payloadSchema: jsonSchema(task.payload),
    resultSchema: jsonSchema(task.result),
    kind: task.name === 'command' ? 'command' : 'builtin',
  }
}

/** Every task that is built in or that a live node offers, by name. */
export function listTasks(fleet: Fleet): CatalogueTask[] {
  const tasks = new Map<string, CatalogueTask>(
    builtinTasks.map((task) => [task.name, { ...toOffer(task), nodes: {} }]),
  )
  for (const node of fleet.nodes) {
    for (const offer of node.tasks) {
      const task = tasks.get(offer.name) ?? { ...offer, nodes: {} }
      for (const tier of node.tiers) task.nodes[tier] = (task.nodes[tier] ?? 0) + 1
      tasks.set(offer.name, task)
    }
  }
  return [...tasks.values()].sort((a, b) => a.name.localeCompare(b.name))
}

/** @throws TASK_NOT_FOUND */
export function findTask(fleet: Fleet, name: string): CatalogueTask {
  const task = listTasks(fleet).find((candidate) => candidate.name === name)
  if (!task) throw new QueueError('TASK_NOT_FOUND', `There is no task ${name}; GET /v1/tasks lists them.`)
  return task
}
