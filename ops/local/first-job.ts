import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Credentials } from './home.ts'

/** How long the answer to a submission may wait for the job, in s. */
const waitSeconds = 30
const deadlineMs = (waitSeconds + 15) * 1000

/** Fewer than a command may have arguments. */
const mostFiles = 300

const sourceFolders = ['core', 'queue', 'api', 'workers', 'ops', 'migrations']

const token = z.object({ accessToken: z.string() })
const job = z.object({
  id: z.string(),
  state: z.string(),
  tier: z.string(),
  result: z.unknown(),
  error: z.object({ message: z.string() }).nullish(),
  usage: z.object({ wallMs: z.number() }).nullish(),
})
const figures = z.object({ stdout: z.string() })

/**
 * Logs in and runs one job as any client would: `wc` over the source files of the checkout.
 * @returns lines for a person: what ran, and the figures that came out
 * @throws Error saying what went wrong
 */
export async function runFirstJob(
  { url, username, password }: Credentials,
  checkout: string,
  stopSignal: AbortSignal,
): Promise<string[]> {
  const signal = AbortSignal.any([stopSignal, AbortSignal.timeout(deadlineMs)])
  const login = await post(`${url}/v1/auth/token`, { signal, body: { username, password } })
  if (login.status === 401)
    throw new Error(
      `The password of ${username} is not the one in the credentials file any more, so no first job was submitted.`,
    )
  const { accessToken } = token.parse(await expectOk(login))

  const files = listSources(checkout)
  const submission = {
    task: 'command',
    payload: { argv: ['wc', ...files] },
    timeoutMs: 20_000,
    labels: { from: 'first-start' },
  }
  const headers = { Authorization: `Bearer ${accessToken}`, Prefer: `wait=${String(waitSeconds)}` }
  const answer = await post(`${url}/v1/jobs`, { signal, body: submission, headers })
  const done = job.parse(await expectOk(answer))
  if (done.state !== 'succeeded')
    throw new Error(
      `The first job ${done.id} is ${done.state}${done.error ? `: ${done.error.message}` : ''}.`,
    )

  const [lines, words, bytes] =
    figures.parse(done.result).stdout.trimEnd().split('\n').at(-1)?.trim().split(/\s+/).map(Number) ?? []
  return [
    `First job ${done.id} ${done.state} on the tier ${done.tier}${done.usage ? ` in ${String(Math.round(done.usage.wallMs))} ms` : ''}: wc over this checkout's ${String(files.length)} source files counted`,
    `${count(lines)} lines, ${count(words)} words, ${count(bytes)} bytes.`,
  ]
}

function listSources(checkout: string): string[] {
  return sourceFolders
    .flatMap((folder) => readdirSync(join(checkout, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .slice(0, mostFiles)
}

const count = (value: number | undefined): string => (value ?? 0).toLocaleString('en')

function post(
  url: string,
  request: { body: unknown; headers?: Record<string, string>; signal: AbortSignal },
): Promise<Response> {
  const { body, headers, signal } = request
  return fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal,
  })
}

async function expectOk(response: Response): Promise<unknown> {
  const text = await response.text()
  if (response.ok) return JSON.parse(text)
  throw new Error(`${response.url} answered ${String(response.status)}: ${text.slice(0, 500)}`)
}
