import { type IncomingMessage, request } from 'node:http'
import { isIP, type Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import { connect as secure } from 'node:tls'
import { createGunzip, createInflate } from 'node:zlib'
import type { CheckedConnect } from '../../core/checked-connect.ts'

/** A request as it goes out; headers by name in lower case. */
export interface HttpCall {
  method: string
  url: URL
  headers: Readonly<Record<string, string>>
  body: Buffer | null
}

/** What a job asked for can't be done: another attempt would not help. */
export class RedirectRefused extends Error {}

/** What goes on to another origin: nothing that could be a credential, whatever its name. */
const carriedHeaders =
  /^(accept|accept-language|content-type|user-agent|idempotency-key|noodle-(job-id|attempt|fence))$/

const redirectStatuses = [301, 302, 303, 307, 308]

/**
 * Makes the call over connections of its own, and follows redirects as browsers do (the fetch standard), each one checked as the first; never from
 * https to http. The body of the answer is to be read or destroyed.
 * @throws RedirectRefused; PlaceNotPermitted; errors of the network
 */
export async function callHttp(
  call: HttpCall,
  options: {
    connect: CheckedConnect
    redirects: number
    signal: AbortSignal
    onAnswer: (call: HttpCall, status: number) => void
  },
): Promise<{ answer: IncomingMessage; url: URL }> {
  let present = call
  for (let left = options.redirects; ; left--) {
    const answer = await ask(present, options)
    options.onAnswer(present, answer.statusCode ?? 0)
    const { location } = answer.headers
    const isRedirect = redirectStatuses.includes(answer.statusCode ?? 0) && location !== undefined
    if (!isRedirect || options.redirects === 0) return { answer, url: present.url }
    answer.destroy()
    if (left === 0)
      throw new RedirectRefused(`it was redirected more than ${String(options.redirects)} times`)
    present = redirected(present, answer.statusCode ?? 0, location)
  }
}

async function ask(
  { method, url, headers, body }: HttpCall,
  { connect, signal }: { connect: CheckedConnect; signal: AbortSignal },
): Promise<IncomingMessage> {
  const isSecure = url.protocol === 'https:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const plain = await connect({ host, port: Number(url.port || (isSecure ? 443 : 80)) }, signal)
  const socket = isSecure ? await secured(plain, host, signal) : plain
  return new Promise((resolve, reject) => {
    const outgoing = request({
      createConnection: () => socket, // without an agent: no proxy of the environment, and closed after one answer
      method,
      path: url.pathname + url.search,
      headers: { host: url.host, ...headers, ...(body && { 'content-length': body.length }) },
      signal,
    })
    outgoing.once('response', resolve)
    outgoing.on('error', reject) // also later, while the answer is read, which ends by the same error
    outgoing.end(body ?? undefined)
  })
}

async function secured(plain: Socket, host: string, signal: AbortSignal): Promise<Socket> {
  const socket = secure({
    socket: plain,
    host,
    servername: isIP(host) === 0 ? host.replace(/\.$/, '') : '',
    ALPNProtocols: ['http/1.1'],
  })
  const abort = (): void => void socket.destroy()
  signal.addEventListener('abort', abort)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve).once('error', reject)
      socket.once('close', () => reject(new Error('The connection was closed.')))
    })
    return socket
  } catch (error) {
    plain.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** @throws RedirectRefused */
function redirected(call: HttpCall, status: number, location: string): HttpCall {
  const url = URL.parse(location, call.url.href)
  if (!url || !['http:', 'https:'].includes(url.protocol))
    throw new RedirectRefused('it was redirected to what is no http or https URL')
  if (url.username || url.password)
    throw new RedirectRefused('it was redirected to a URL with user and password')
  if (call.url.protocol === 'https:' && url.protocol === 'http:')
    throw new RedirectRefused(`it was redirected from https to ${url.origin}`)
  url.hash ||= call.url.hash
  const isSameOrigin = url.origin === call.url.origin
  const becomesGet =
    (status === 303 && call.method !== 'HEAD') || ([301, 302].includes(status) && call.method === 'POST')
  const headers = Object.entries(call.headers).filter(
    ([name]) => (isSameOrigin || carriedHeaders.test(name)) && !(becomesGet && name.startsWith('content-')),
  )
  return {
    url,
    headers: Object.fromEntries(headers),
    ...(becomesGet ? { method: 'GET', body: null } : { method: call.method, body: call.body }),
  }
}

/** Reads the body up to so many bytes and closes the connection. Compression of the kinds that a call accepts is undone on the way, so the bytes are those unpacked. */
export async function readBody(
  answer: IncomingMessage,
  mostBytes: number,
): Promise<{ bytes: Buffer; isCut: boolean }> {
  const pieces: Buffer[] = []
  let room = mostBytes
  try {
    for await (const piece of unpacked(answer) as AsyncIterable<Buffer>) {
      pieces.push(piece.subarray(0, room))
      if (piece.length > room) return { bytes: Buffer.concat(pieces), isCut: true }
      room -= piece.length
    }
    return { bytes: Buffer.concat(pieces), isCut: false }
  } finally {
    answer.destroy()
  }
}

/** For the header accept-encoding: what takes little memory to unpack, however much it unpacks to. */
export const acceptedEncodings = 'gzip, deflate'

function unpacked(answer: IncomingMessage): Readable {
  switch (answer.headers['content-encoding']?.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return pipeline(answer, createGunzip(), () => undefined) // an error also ends the reading
    case 'deflate':
      return pipeline(answer, createInflate(), () => undefined)
    default:
      return answer
  }
}
