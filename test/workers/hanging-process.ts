// Run by lease-watchdog.test.ts: a worker whose event loop hangs, with a child process group.
import { spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { makeLeaseWatchdog } from '../../workers/lease-watchdog.ts'

const { pid = 0 } = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' })
const groups = new Int32Array(new SharedArrayBuffer(8))
groups[1] = pid
const watchdog = makeLeaseWatchdog({ groups, leaseMs: 400 })
await watchdog.start()
watchdog.guardUntil(performance.now() + 100)
watchdog.guardUntil(null) // what is no promise is not broken
writeSync(1, `${String(pid)}\n`)
hang(300)
writeSync(1, 'lived\n')
watchdog.guardUntil(performance.now() + 100)
hang(20_000)
writeSync(1, 'was not killed\n')

function hang(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}
