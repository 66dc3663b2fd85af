import type { IncomingMessage, ServerResponse } from 'node:http'
import express from 'express'
import { HttpProblem } from './problem.ts'
import { type JsonLimits, parseStrictJson } from './strict-json.ts'

/** The JSON body of a request; undefined when it has none. @throws INVALID_REQUEST, 413, 415 */
export async function readJsonBody(
  request: IncomingMessage,
  response: ServerResponse,
  limitBytes: number,
  limits?: JsonLimits,
): Promise<unknown> {
  if (!hasBody(request)) return undefined
  requireContentType(request, ['application/json'])
  const bytes = await readBytes(request, response, limitBytes)
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
): Promise<Buffer> {
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

/** body-parser's errors carry a type and a status (its README, "Errors"). */
function asProblem(error: unknown, limitBytes: number): Error {
  const { type, status } = error as { type?: string; status?: number }
  if (type === 'entity.too.large') {
    return new HttpProblem(413, `The body is larger than ${String(limitBytes)} bytes.`, {
      fields: [{ path: '', message: `must be at most ${String(limitBytes)} bytes` }],
    })
  }
  if (type === 'encoding.unsupported')
    return new HttpProblem(415, 'This Content-Encoding is not taken; send gzip, deflate, br, or none.')
  if (status !== undefined && status >= 400 && status < 500)
    return new HttpProblem(
      400,
      `The body could not be read: ${error instanceof Error ? error.message : 'it ended early'}.`,
    )
  return error instanceof Error ? error : new Error(String(error))
}
