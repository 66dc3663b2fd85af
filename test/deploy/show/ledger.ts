import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from './client.ts'
import type { LoadReport } from './load.ts'
import type { Stack } from './stack.ts'

const restMs = 120_000
const ended = new Set(['succeeded', 'failed', 'cancelled', 'expired'])

/** Waits until all jobs of a run have ended, and fails unless each that was acknowledged is there once and has succeeded, and the platform's own ledger adds up. */
export async function checkNothingLost(
  stack: Stack,
  client: Client,
  run: string,
  report: LoadReport,
): Promise<string> {
  const giveUpAt = performance.now() + restMs
  let states = new Map<string, string>()
  for (;;) {
    states = await readStates(client, run)
    if ([...states.values()].every((state) => ended.has(state))) break
    if (performance.now() > giveUpAt)
      throw new Error(
        `Jobs have not ended: ${[...states]
          .filter(([, state]) => !ended.has(state))
          .slice(0, 5)
          .join(' ')}`,
      )
    await sleep(1000)
  }
  const ids = [...report.acknowledged.values()]
  const lost = ids.filter((id) => !states.has(id))
  if (lost.length > 0)
    throw new Error(`${String(lost.length)} acknowledged jobs are lost: ${lost.slice(0, 3).join()}`)
  if (new Set(ids).size !== ids.length) throw new Error('Two keys have the same job.')
  const known = new Set(ids)
  const doubled = [...states.keys()].filter((id) => !known.has(id)).length - report.unacknowledged.length
  if (doubled > 0) throw new Error(`${String(doubled)} jobs were made twice for a key.`)
  const failed = [...states].filter(([, state]) => state !== 'succeeded')
  if (failed.length > 0)
    throw new Error(`${String(failed.length)} jobs did not succeed: ${failed.slice(0, 3).join(' ')}`)

  const [master] = await stack.containers('master')
  const doctor = await stack
    .docker('exec', master?.id ?? '', 'noodle', 'doctor', '--json')
    .catch((error: unknown) => (error as { stdout: string }).stdout)
  const { findings } = JSON.parse(doctor) as {
    findings: { check: string; status: string; message: string }[]
  }
  const ledger = findings.find(({ check }) => check === 'ledger')
  if (ledger?.status !== 'ok') throw new Error(`The ledger: ${ledger?.message ?? 'no answer'}`)
  return `${String(ids.length)} acknowledged, all succeeded; the ledger: ${ledger.message}`
}

async function readStates(client: Client, run: string): Promise<Map<string, string>> {
  const states = new Map<string, string>()
  let cursor: string | undefined
  do {
    const page = await client.call(
      'GET',
      `/v1/jobs?label=run:${run}&limit=200${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    )
    if (page.status !== 200) throw new Error(`The list of jobs was answered with ${String(page.status)}.`)
    for (const { id, state } of page.body.items) states.set(id, state)
    cursor = page.body.nextCursor ?? undefined
  } while (cursor !== undefined)
  return states
}
