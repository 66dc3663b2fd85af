import { setTimeout as sleep } from 'node:timers/promises'
import { checkNothingLost } from './ledger.ts'
import { describeFailures, underLoad } from './load.ts'
import { expectThat, type Scenario } from './scenario.ts'

const perSecond = 50
/** How long what was killed stays away. */
const awayMs = 4000

/** `docker kill` of a master, a worker, Redis and Postgres in turn under load: nothing that was acknowledged is lost. */
export const kills: Scenario = (stack, client) =>
  underLoad(client, { run: `kills-${String(Date.now())}`, perSecond }, async (load, run) => {
    await sleep(2000)
    const seen: string[] = []
    for (const service of ['master', 'worker-small', 'worker-heavy', 'redis', 'postgres']) {
      const [victim] = await stack.containers(service)
      if (!victim) throw new Error(`No container of ${service} runs.`)
      const before = load.report.failures.length
      await stack.docker('kill', victim.id)
      await sleep(awayMs)
      await stack.docker('start', victim.id)
      await stack.untilHealthy([victim])
      await sleep(2000)
      seen.push(`${service}: ${String(load.report.failures.length - before)} first tries refused`)
    }
    const report = await load.stop()
    expectThat(
      report.unacknowledged.length === 0,
      `${String(report.unacknowledged.length)} jobs were never acknowledged.`,
    )
    const ledger = await checkNothingLost(stack, client, run, report)
    return `${seen.join('; ')} (${describeFailures(report)}); ${ledger}`
  })
