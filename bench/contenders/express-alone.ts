import { join } from 'node:path'
import { pidOf, startChild } from '../child.ts'
import { type Contender, payload } from '../contender.ts'
import type { Stores } from '../stores.ts'
import { makeNoodle } from './noodle.ts'

interface Answer {
  headers: Record<string, string>
  body: string
}

/** No contender but their ceiling: Express and a JSON parser, answering as many bytes as Noodle does, and nothing behind it. */
export function makeExpressAlone(stores: Stores): Contender {
  let answer: Answer | undefined
  return {
    name: 'Express alone',
    async reset() {
      answer ??= await answerOfNoodle(stores)
    },
    async startGateway() {
      const { child, first, stop } = await startChild(
        join(import.meta.dirname, '../processes/express-alone.ts'),
        { ANSWER: JSON.stringify(answer) },
      )
      return {
        request: {
          url: `http://127.0.0.1:${String(first['port'])}/jobs`,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ task: 'echo', payload }),
        },
        pids: { gateway: pidOf(child) },
        stop,
      }
    },
  }
}

/** Of a submission, without what Node sets by itself for each answer. */
async function answerOfNoodle(stores: Stores): Promise<Answer> {
  const noodle = makeNoodle('Noodle', stores)
  await noodle.reset()
  const gateway = await noodle.startGateway?.()
  if (!gateway) throw new Error('Noodle has no gateway.')
  try {
    const { url, ...rest } = gateway.request
    const response = await fetch(url, { method: 'POST', ...rest })
    const headers = [...response.headers].filter(
      ([name]) => !['connection', 'keep-alive', 'date'].includes(name),
    )
    return { headers: Object.fromEntries(headers), body: await response.text() }
  } finally {
    await gateway.stop()
  }
}
