import type { DrivenNode, NodeDriver } from '../../../ops/autoscale/drivers/node-driver.ts'
import type { QueueDeps } from '../../../queue/use-cases/queue-deps.ts'

/** A driver whose nodes are rows of the registry, and no processes. Its faults can be switched on. */
export function makePaperDriver(deps: QueueDeps) {
  const nodes = new Map<string, DrivenNode & { bootId: string }>()
  const faults = { list: 'no', start: 'no', comesUp: true } as {
    list: 'no' | 'error' | 'hang'
    /** `late`: carried out, but not answered; `slow`: not carried out before `letGo`. */
    start: 'no' | 'error' | 'hang' | 'late' | 'slow'
    comesUp: boolean
    /** The only tier that they concern. */
    tier?: string
  }
  const told = { starts: 0, startsAtOnce: 0, stops: [] as string[], most: 0 }
  let starting = 0
  let count = 0
  const slow: (() => void)[] = []
  const hang = () => new Promise<never>(() => undefined)
  const concerns = (tier: string) => faults.tier === undefined || faults.tier === tier

  async function begin(tier: string): Promise<void> {
    const node = { id: `${tier}-${String(++count)}`, tier, isStopping: false, bootId: deps.newId() }
    nodes.set(node.id, node)
    told.most = Math.max(told.most, nodes.size)
    if (!faults.comesUp) return
    await deps.nodes.register(
      {
        ...{ id: node.id, bootId: node.bootId, tiers: [tier], cpus: 2, memoryMb: 4096, gpus: 0 },
        ...{ concurrency: 4, version: '0', tasks: [] },
      },
      60_000,
    )
  }

  const driver: NodeDriver = {
    name: 'paper',
    callsAtOnce: 4,
    list(tier) {
      if (concerns(tier) && faults.list === 'error') return Promise.reject(new Error('The engine is away.'))
      if (concerns(tier) && faults.list === 'hang') return hang()
      return Promise.resolve([...nodes.values()].filter((node) => node.tier === tier))
    },
    async start(tier) {
      told.starts++
      const fault = concerns(tier) ? faults.start : 'no'
      if (fault === 'error') throw new Error('No machine is left.')
      if (fault === 'hang') return hang()
      if (fault === 'slow') {
        told.startsAtOnce = Math.max(told.startsAtOnce, ++starting)
        await new Promise<void>((resolve) => slow.push(resolve))
        starting--
      }
      await begin(tier)
      if (fault === 'late') return hang()
    },
    drain: () => Promise.resolve(),
    recall: () => Promise.resolve(),
    async stop({ id }) {
      told.stops.push(id)
      const node = nodes.get(id)
      nodes.delete(id)
      if (node) await deps.nodes.sayGoodbye(node.bootId)
    },
    close: () => Promise.resolve(),
  }
  const letGo = () => slow.splice(0).forEach((go) => go())
  return { driver, nodes, faults, told, letGo }
}
