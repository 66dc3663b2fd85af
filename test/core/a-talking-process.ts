import { every } from '../../core/every.ts'
import { runProcess } from '../../core/lifecycle.ts'
import { makeLogger } from '../../core/logger.ts'

const log = makeLogger({ level: () => 'info', format: 'json' })
let rounds = 0

/** Writes some 100 kB of log lines a round, and tells its parent after each how much of them waits in memory. */
const talk = every(
  1,
  () => {
    for (let i = 0; i < 100; i++) log.info('x'.repeat(1000))
    process.send?.({ rounds: ++rounds, waiting: process.stdout.writableLength })
    return Promise.resolve()
  },
  { name: 'talk', log },
)

await runProcess({ log, components: [talk], stopDeadlineMs: 5000, reload: () => Promise.resolve() })
