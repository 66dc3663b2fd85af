import { setTimeout as sleep } from 'node:timers/promises'
import { checkNothingLost } from './ledger.ts'
import { describeFailures, underLoad } from './load.ts'
import { expectThat, type Scenario } from './scenario.ts'

/** Below the 30 s after which Kubernetes kills, by default. */
const stopWithinMs = 29_000

/**
 * Restarts every container, one after the other, under load. Masters and workers: no request fails, not even at its first try. The stores and haproxy, of
 * which there is one each: what was refused meanwhile is acknowledged when it is sent again with its key. Then a master that hangs: nothing fails
 * any more 15 s later.
 */
export const rollingRestart: Scenario = (stack, client, { perSecond }) =>
  underLoad(client, { run: `rolling-${String(Date.now())}`, perSecond }, async (load, run) => {
    const failures = (): number => load.report.failures.length
    await sleep(3000)
    const seen: string[] = []
    let longestStopMs = 0

    for (const container of (await stack.containers()).filter(({ service }) =>
      /^(master|worker)/.test(service),
    )) {
      const askedAtMs = Date.now()
      await stack.docker('restart', '--time', '45', container.id)
      const finishedAt = await stack.docker('inspect', '--format', '{{.State.FinishedAt}}', container.id)
      longestStopMs = Math.max(longestStopMs, Date.parse(finishedAt.trim()) - askedAtMs)
      await stack.untilHealthy([container])
      await sleep(3000)
    }
    expectThat(failures() === 0, `Masters and workers: ${describeFailures(load.report)}`)
    const longestStop = `the longest took ${(longestStopMs / 1000).toFixed(1)} s from SIGTERM to its end`
    expectThat(longestStopMs < stopWithinMs, `Of masters and workers ${longestStop}.`)
    seen.push(`masters and workers: 0 failed, ${longestStop}`)

    for (const service of ['redis-cache', 'redis', 'postgres', 'haproxy']) {
      const [container] = await stack.containers(service)
      if (!container) throw new Error(`No container of ${service} runs.`)
      const before = failures()
      await stack.docker('restart', '--time', '45', container.id)
      await stack.untilHealthy([container])
      await sleep(3000)
      seen.push(`${service}: ${String(failures() - before)} sent again`)
    }

    const [hanging] = await stack.containers('master')
    if (!hanging) throw new Error('No master runs.')
    const processes = await pids(stack.docker, hanging.id)
    for (const pid of processes) process.kill(pid, 'SIGSTOP')
    await sleep(15_000)
    const outAtMs = performance.now()
    await sleep(10_000)
    for (const pid of processes) process.kill(pid, 'SIGCONT')
    const wokenAtMs = performance.now()
    const report = await load.stop()
    const late = report.failures.filter(({ sentAtMs }) => sentAtMs > outAtMs && sentAtMs < wokenAtMs)
    expectThat(
      late.length === 0,
      `Sent 15 s after a master began to hang, ${describeFailures({ ...report, failures: late })}.`,
    )
    seen.push('sent 15 s after a master began to hang: 0 failed')
    expectThat(
      report.unacknowledged.length === 0,
      `${String(report.unacknowledged.length)} jobs were never acknowledged.`,
    )
    return `${seen.join('; ')}; ${await checkNothingLost(stack, client, run, report)}`
  })

/** Of a container, as this machine counts them. */
export async function pids(docker: (...args: string[]) => Promise<string>, id: string): Promise<number[]> {
  const lines = (await docker('top', id, '-o', 'pid')).trim().split('\n').slice(1)
  return lines.map(Number)
}
