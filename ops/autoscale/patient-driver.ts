import { performance } from 'node:perf_hooks'
import type { DrivenNode, NodeDriver } from './drivers/node-driver.ts'

/** A driver whose calls end in time, and which does not forget what it has asked for without an answer. */
export interface PatientDriver extends Omit<NodeDriver, 'list' | 'start' | 'drain' | 'recall' | 'stop'> {
  list(tier: string): Promise<DrivenNode[]>
  start(tier: string): Promise<void>
  drain(node: DrivenNode): Promise<void>
  recall(node: DrivenNode): Promise<void>
  stop(node: DrivenNode): Promise<void>
  /** Nodes of the tier that were asked for by calls of which it is not known what came of them. */
  unanswered(tier: string): number
}

/** After so long such a call has come to something, which `list` tells. */
const openMs = 60_000

/** A call that hangs is given up after `deadlineMs` and rejects; it may be carried out all the same, later. */
export function makePatient(
  driver: NodeDriver,
  deadlineMs: number,
  nowMs: () => number = () => performance.now(),
): PatientDriver {
  let open: { tier: string; untilMs: number }[] = []
  /** Nodes that calls were answered for and that are not listed yet, by tier. */
  const expected = new Map<string, number>()
  /** As last listed, by tier. */
  const seen = new Map<string, Map<string, DrivenNode>>()

  async function inTime<T>(what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        late.abort()
        reject(
          new Error(`The driver ${driver.name} did not answer within ${String(deadlineMs)} ms: ${what}.`),
        )
      }, deadlineMs)
    })
    try {
      return await Promise.race([call(late.signal), tooLate])
    } finally {
      clearTimeout(timer)
    }
  }

  /** A node that is new comes from a call that was answered, or else from one that was not. */
  function noteNew(tier: string): void {
    const due = expected.get(tier) ?? 0
    if (due > 0) expected.set(tier, due - 1)
    else {
      const answered = open.find((one) => one.tier === tier)
      open = open.filter((one) => one !== answered)
    }
  }

  return {
    name: driver.name,
    callsAtOnce: driver.callsAtOnce,
    async list(tier) {
      const nodes = await inTime(`list the nodes of ${tier}`, (signal) => driver.list(tier, signal))
      const listed = new Map(nodes.map((node) => [node.id, node]))
      const before = seen.get(tier)
      let kept = [...(before?.values() ?? [])].filter(
        ({ id, isPromised }) => isPromised && !listed.has(id),
      ).length
      for (const { id } of nodes) {
        if (before?.has(id)) continue
        if (kept > 0) kept--
        else noteNew(tier)
      }
      seen.set(tier, listed)
      return nodes
    },
    async start(tier) {
      const asked = { tier, untilMs: Infinity }
      open.push(asked)
      const answer = inTime(`start a node of ${tier}`, (signal) => driver.start(tier, signal))
      try {
        await answer
        open = open.filter((one) => one !== asked)
        expected.set(tier, (expected.get(tier) ?? 0) + 1)
      } catch (error) {
        asked.untilMs = nowMs() + openMs
        throw error
      }
    },
    drain: (node) => inTime('drain', (signal) => driver.drain(node, signal)),
    recall: (node) => inTime('recall', (signal) => driver.recall(node, signal)),
    stop: (node) => inTime('stop', (signal) => driver.stop(node, signal)),
    unanswered(tier) {
      open = open.filter(({ untilMs }) => untilMs > nowMs())
      return open.filter((one) => one.tier === tier).length
    },
    close: () => driver.close(),
  }
}
