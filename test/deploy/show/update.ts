import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkNothingLost } from './ledger.ts'
import { describeFailures, underLoad } from './load.ts'
import { expectThat, type Scenario } from './scenario.ts'

/** scripts/rolling-update under load: all masters and workers are others then, and no request has failed, not even at its first try. */
export const update: Scenario = (stack, client, { perSecond }) =>
  underLoad(client, { run: `update-${String(Date.now())}`, perSecond }, async (load, run) => {
    const isOurs = ({ service }: { service: string }): boolean => /^(master|worker)/.test(service)
    const before = (await stack.containers()).filter(isOurs)
    await promisify(execFile)(join(stack.folder, 'scripts/rolling-update'), { maxBuffer: 16_777_216 })
    const after = (await stack.containers()).filter(isOurs)
    const report = await load.stop()
    expectThat(
      after.length === before.length,
      `There are ${String(after.length)} containers after ${String(before.length)}.`,
    )
    const ids = new Set(before.map(({ id }) => id))
    expectThat(!after.some(({ id }) => ids.has(id)), 'An old container still runs.')
    expectThat(report.failures.length === 0, `Requests failed: ${describeFailures(report)}`)
    return `${String(after.length)} containers replaced; 0 failed; ${await checkNothingLost(stack, client, run, report)}`
  })
