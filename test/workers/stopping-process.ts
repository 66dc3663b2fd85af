// Run by lease-watchdog.test.ts: a worker with a child process group that is stopped as a whole until after its lease, and whose event loop is late then.
import { spawn } from 'node:child_process'
import { readFileSync, writeSync } from 'node:fs'
import { makeLeaseWatchdog } from '../../workers/lease-watchdog.ts'

const leaseMs = 2000
const { pid = 0 } = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' })
const watchdog = makeLeaseWatchdog({ groups: new Int32Array(new SharedArrayBuffer(4)).fill(pid), leaseMs })
await watchdog.start()
watchdog.guardUntil(performance.now() + 50)
process.kill(process.pid, 'SIGSTOP') // until the test wakes it
while (!/^State:\s+Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))); // nobody here waits for it meanwhile
writeSync(1, 'the child is dead\n')
const untilMs = performance.now() + leaseMs / 8 // five looks
while (performance.now() < untilMs);
watchdog.guardUntil(null)
writeSync(1, 'lived on\n')
watchdog.guardUntil(performance.now() + 50)
for (;;);
