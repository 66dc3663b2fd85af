// JavaScript, so that the thread need not load what strips types: 10 MB less for each worker.
import { writeSync } from 'node:fs'
import process from 'node:process'
import { parentPort, workerData } from 'node:worker_threads'

/** @type {import('./lease-watchdog.ts').WatchdogData} */
const { deadline, groups, lookMs, graceMs } = workerData
const sleeper = new Int32Array(new SharedArrayBuffer(4))
const lookNs = BigInt(Math.ceil(lookMs * 1e6))
const graceNs = BigInt(graceMs) * 1_000_000n
let lastNs = process.hrtime.bigint()
let spareUntilNs = 0n

parentPort?.postMessage('looks')
for (;;) {
  Atomics.wait(sleeper, 0, 0, lookMs)
  const nowNs = process.hrtime.bigint()
  // This thread itself was stopped (SIGSTOP, a frozen machine), and so was the main thread, which notices and lives on. On a machine that wakes up it may have to
  // wait for its turn; what runs beyond the lease must not.
  if (nowNs - lastNs > 4n * lookNs) spareUntilNs = nowNs + graceNs
  lastNs = nowNs
  const untilNs = Atomics.load(deadline, 0)
  if (untilNs === 0n || nowNs < untilNs) continue
  for (const group of groups) kill(-group)
  if (nowNs < spareUntilNs) continue
  writeSync(
    2,
    'The event loop hung until the lease of this node ran out: the process kills its jobs and itself.\n',
  )
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
