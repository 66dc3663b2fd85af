import { type IncomingMessage, request } from 'node:http'
import { engineConnection } from '../../../core/engine-connection.js'

/** An engine's answer, not read yet. */
export type EngineAnswer = IncomingMessage

/** A few plain requests to an engine, for a process that needs no more of it than that. Resolves when the engine has begun to answer. */
export type AskEngine = (method: string, path: string, body?: object) => Promise<EngineAnswer>

/** A request without an answer rejects after `deadlineMs`. */
export const makeAskEngine =
  (address: string, deadlineMs: number): AskEngine =>
  (method, path, body) =>
    new Promise((resolve, reject) => {
      const text = body && JSON.stringify(body)
      const asked = request({
        ...{ ...engineConnection(address), method, path, agent: false },
        headers: {
          host: 'engine',
          ...(text !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
          }),
        },
        signal: AbortSignal.timeout(deadlineMs),
      })
      asked.once('response', resolve)
      asked.on('error', reject)
      asked.end(text)
    })

/** The whole answer, as JSON. @throws EngineRefusal for any status but 200 */
export async function readAnswer(answer: EngineAnswer): Promise<unknown> {
  let text = ''
  for await (const piece of answer.setEncoding('utf8')) text += String(piece)
  if (answer.statusCode !== 200) throw new EngineRefusal(answer.statusCode ?? 502, text)
  return JSON.parse(text)
}

/** What an engine answered instead of what it was asked for. */
export class EngineRefusal extends Error {
  readonly status: number
  /** As the engine sent it, JSON. */
  readonly text: string

  constructor(status: number, text: string) {
    super(`The container engine answered with ${String(status)}: ${text}`)
    this.name = 'EngineRefusal'
    this.status = status
    this.text = text
  }
}
