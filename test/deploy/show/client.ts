import { openHttpClient } from '../../faults/http-client.ts'

/** A client of the platform, as admin, through its load balancer. */
export interface Client {
  call(
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    options?: { body?: unknown; headers?: Record<string, string>; timeoutMs?: number },
  ): Promise<{ status: number; body: any }> // eslint-disable-line @typescript-eslint/no-explicit-any -- answers are JSON, which the caller looks into
  close(): void
}

export async function openClient(url: string, password: string): Promise<Client> {
  // haproxy closes connections that were idle for 15 s: a request that is sent just then would be lost.
  const http = openHttpClient({ idleConnections: 64, idleMs: 8000 })
  let token = ''
  const client: Client = {
    async call(method, path, { body, headers = {}, timeoutMs = 30_000 } = {}) {
      const { status, text } = await http.call(method, url + path, {
        headers: {
          ...(token && { Authorization: `Bearer ${token}` }),
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      })
      try {
        return { status, body: JSON.parse(text) }
      } catch {
        return { status, body: text }
      }
    },
    close: () => http.close(),
  }
  const { status, body } = await client.call('POST', '/v1/auth/token', {
    body: { username: 'admin', password },
  })
  if (status !== 200) throw new Error(`The login was answered with ${String(status)}.`)
  token = body.accessToken
  return client
}
