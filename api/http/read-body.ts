import type { IncomingMessage, ServerResponse } from 'node:http'
import express from 'express'
import { type BodyRoom, smallBodyBytes } from './body-room.ts'
import { HttpProblem } from './problem.ts'
import { type JsonLimits, parseStrictJson } from '../contract/strict-json.ts'

/** The JSON body of a request; undefined when it has none. One that is large holds `room` until the response is closed. @throws INVALID_REQUEST, OVERLOADED, 413, 415 */
export async function readJsonBody(
  request: IncomingMessage,
  response: ServerResponse,
  limitBytes: number,
  limits?: JsonLimits,
  room?: BodyRoom,
): Promise<unknown> {
  if (!hasBody(request)) return undefined
  // As nearly all write it, without taking it apart.
  if (request.headers['content-type'] !== 'application/json')
    requireContentType(request, ['application/json'])
  const enter = (size: number): void => {
    const leave = room?.enter(size)
    if (leave) response.once('close', leave)
  }
  const bytes = await readBytes(request, response, limitBytes, enter)
  return bytes.length === 0 ? undefined : parseStrictJson(bytes, limits)
}

export function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  )
}

/** The media type without its parameters. @throws 415 naming those that are taken */
export function requireContentType(request: IncomingMessage, accepted: readonly string[]): string {
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '')
    .split(';')
    .map((part) => part.trim().toLowerCase())
  if (!accepted.includes(type)) {
    throw new HttpProblem(
      415,
      `Content-Type ${type === '' ? 'is missing' : `${type} is not taken here`}; send ${accepted.join(' or ')}.`,
      {
        fields: [{ path: 'Content-Type', message: `must be ${accepted.join(' or ')}` }],
      },
    )
  }
  const charset = parameters
    .find((parameter) => parameter.startsWith('charset='))
    ?.slice('charset='.length)
    .replaceAll('"', '')
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') {
    throw new HttpProblem(415, `The charset ${charset} is not taken; JSON is UTF-8.`, {
      fields: [{ path: 'Content-Type', message: 'must be UTF-8' }],
    })
  }
  return type
}

async function readBytes(
  request: IncomingMessage,
  response: ServerResponse,
  limitBytes: number,
  enter: (bytes: number) => void,
): Promise<Buffer> {
  if (request.headers['content-encoding'] === undefined) return readPlain(request, limitBytes, enter)
  // How much it unpacks to is not known before; JSON seldom to more than this.
  const guess = Math.min(limitBytes, Number(request.headers['content-length'] ?? limitBytes) * 20)
  if (guess > smallBodyBytes) enter(guess)
  const read = express.raw({ type: () => true, limit: limitBytes })
  await new Promise<void>((resolve, reject) => {
    read(request, response, (error?: unknown) => {
      if (error === undefined) resolve()
      else reject(asProblem(error, limitBytes))
    })
  })
  const body: unknown = Reflect.get(request, 'body')
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0)
}

/** Nearly all bodies come uncompressed; body-parser takes as long for one as the rest of a submission. */
function readPlain(
  request: IncomingMessage,
  limitBytes: number,
  enter: (bytes: number) => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const refuse = (error: Error): void => {
      request.off('data', take)
      request.resume() // the rest is read and dropped, so that the client sees the answer
      reject(error)
    }
    let hasEntered = false
    const tryEnter = (bytes: number): boolean => {
      try {
        if (!hasEntered) enter(bytes)
        hasEntered = true
        return true
      } catch (error) {
        refuse(error as Error)
        return false
      }
    }
    const take = (chunk: Buffer): void => {
      length += chunk.length
      if (length > limitBytes) refuse(tooLarge(limitBytes))
      else if (length <= smallBodyBytes || tryEnter(limitBytes)) chunks.push(chunk)
    }
    const told = Number(request.headers['content-length'] ?? 0)
    if (told > limitBytes) {
      refuse(tooLarge(limitBytes))
      return
    }
    if (told > smallBodyBytes && !tryEnter(told)) return
    request.on('data', take)
    request.on('end', () => {
      const [only] = chunks
      resolve(chunks.length === 1 && only ? only : Buffer.concat(chunks))
    })
    request.on('error', () => {
      reject(new HttpProblem(400, 'The body could not be read: the request was aborted.'))
    })
  })
}

const tooLarge = (limitBytes: number): HttpProblem =>
  new HttpProblem(413, `The body is larger than ${String(limitBytes)} bytes.`, {
    fields: [{ path: '', message: `must be at most ${String(limitBytes)} bytes` }],
  })

/** body-parser's errors carry a type and a status (its README, "Errors"). */
function asProblem(error: unknown, limitBytes: number): Error {
  const { type, status } = error as { type?: string; status?: number }
  if (type === 'entity.too.large') return tooLarge(limitBytes)
  if (type === 'encoding.unsupported')
    return new HttpProblem(415, 'This Content-Encoding is not taken; send gzip, deflate, br, or none.')
  if (status !== undefined && status >= 400 && status < 500)
    return new HttpProblem(
      400,
      `The body could not be read: ${error instanceof Error ? error.message : 'it ended early'}.`,
    )
  return error instanceof Error ? error : new Error(String(error))
}
