import { Agent, request } from 'node:http'

export interface HttpAnswer {
  status: number
  text: string
  retryAfter: string | undefined
}

export interface HttpClient {
  /** @throws when there is no answer */
  call(
    method: 'GET' | 'POST' | 'PATCH',
    url: string,
    options: { headers: Record<string, string>; body?: string | undefined; signal: AbortSignal },
  ): Promise<HttpAnswer>
  close(): void
}

/**
 * Keeps few idle connections by default, so that what a server holds open at rest tells of the server; `idleMs`: for how long, where the other side
 * closes idle ones.
 */
export function openHttpClient({
  idleConnections = 4,
  idleMs,
}: { idleConnections?: number; idleMs?: number } = {}): HttpClient {
  const agent = new Agent({
    keepAlive: true,
    maxFreeSockets: idleConnections,
    // In turn, so that none rests for long under a steady load.
    ...(idleMs !== undefined && { timeout: idleMs, scheduling: 'fifo' }),
  })
  return {
    call: (method, url, { headers, body, signal }) =>
      new Promise((resolve, reject) => {
        const sent = request(url, { method, headers, agent, signal }, (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (part: string) => (text += part))
          response.on('error', reject)
          response.on('end', () => {
            resolve({ status: response.statusCode ?? 0, text, retryAfter: response.headers['retry-after'] })
          })
        })
        sent.on('error', reject)
        sent.end(body)
      }),
    close: () => agent.destroy(),
  }
}
