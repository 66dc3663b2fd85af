// JavaScript, so that the thread need not load what strips types: 10 MB less for each worker.
import { writeSync } from 'node:fs'
import process from 'node:process'
import { workerData } from 'node:worker_threads'

/** @type {import('./lease-watchdog.ts').WatchdogData} */
const { deadline, groups, lookMs } = workerData
const sleeper = new Int32Array(new SharedArrayBuffer(4))
const lookNs = BigInt(Math.ceil(lookMs * 1e6))

for (let lastNs = process.hrtime.bigint(); ;) {
  Atomics.wait(sleeper, 0, 0, lookMs)
  const nowNs = process.hrtime.bigint()
  const slept = nowNs - lastNs
  lastNs = nowNs
  // When this thread itself was stopped (SIGSTOP, a frozen machine), the main thread gets the chance to notice first: it stops its jobs and lives on.
  if (slept > 4n * lookNs) continue
  const untilNs = Atomics.load(deadline, 0)
  if (untilNs === 0n || nowNs < untilNs) continue
  writeSync(
    2,
    'The event loop hung until the lease of this node ran out: the process kills its jobs and itself.\n',
  )
  for (const group of groups) kill(-group)
  kill(process.pid)
}

/** @param {number} pid */
function kill(pid) {
  if (pid === 0) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // gone already
  }
}
