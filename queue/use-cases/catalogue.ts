import { z } from 'zod'
import { builtinTasks, type TaskDefinition } from '../domain/builtin-tasks.ts'
import { QueueError } from '../domain/errors.ts'
import type { TaskOffer } from '../domain/node.ts'
import type { Fleet } from './fleet.ts'
import type { QueueDeps } from './queue-deps.ts'

/** What there is to run: what live nodes offer, and what any node has offered before. */
export interface Catalogue {
  fleet: Fleet
  remembered: readonly TaskOffer[]
}

export interface CatalogueTask extends TaskOffer {
  /** Live nodes that offer it, by tier. */
  nodes: Record<string, number>
}

/** Answers with the catalogue, its memory read again with each new sight of the fleet. */
export function makeCatalogueView(
  deps: Pick<QueueDeps, 'tasks'>,
  fleetView: () => Promise<Fleet>,
): () => Promise<Catalogue> {
  let latest: { fleet: Fleet; catalogue: Promise<Catalogue> } | undefined
  return async () => {
    const fleet = await fleetView()
    if (latest?.fleet !== fleet) {
      const catalogue = deps.tasks.list().then((remembered) => ({ fleet, remembered }))
      latest = { fleet, catalogue }
      catalogue.catch(() => (latest = undefined)) // a failure is not remembered
    }
    return latest.catalogue
  }
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
    kind: task.name === 'command' || task.name === 'container' ? task.name : 'builtin',
    ...(task.deterministic && { deterministic: true }),
  }
}

const builtinOffers = builtinTasks.map((task) => toOffer(task))

/** Every task that is built in, that a live node offers, or that one has offered before, by name; as the newest node tells it. */
export function listTasks({ fleet, remembered }: Catalogue): CatalogueTask[] {
  const tasks = new Map<string, CatalogueTask>(
    [...remembered, ...builtinOffers].map((offer) => [offer.name, { ...offer, nodes: {} }]),
  )
  for (const node of fleet.nodes) {
    for (const offer of node.tasks) {
      const nodes = tasks.get(offer.name)?.nodes ?? {}
      for (const tier of node.tiers) nodes[tier] = (nodes[tier] ?? 0) + 1
      tasks.set(offer.name, { ...offer, nodes })
    }
  }
  return [...tasks.values()].sort((a, b) => a.name.localeCompare(b.name))
}

/** What live nodes offer under a name, the newest node's last; else what was offered before; empty for a name that nobody knows. */
export function offersOf({ fleet, remembered }: Catalogue, name: string): TaskOffer[] {
  const live = fleet.nodes.flatMap((node) => node.tasks.filter((task) => task.name === name))
  return live.length > 0 ? live : remembered.filter((task) => task.name === name)
}

/** How a task was published last: by the newest live node, else by any node before; what is built in is known without. */
export const publishedOffer = (catalogue: Catalogue, name: string): TaskOffer | undefined =>
  offersOf(catalogue, name).at(-1) ?? builtinOffers.find((offer) => offer.name === name)

/** @throws TASK_NOT_FOUND */
export function findTask(catalogue: Catalogue, name: string): CatalogueTask {
  const task = listTasks(catalogue).find((candidate) => candidate.name === name)
  if (!task) throw new QueueError('TASK_NOT_FOUND', `There is no task ${name}; GET /v1/tasks lists them.`)
  return task
}
