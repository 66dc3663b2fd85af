import { setTimeout as sleep } from 'node:timers/promises'
import { TestEnvironment } from 'jest-environment-node'

/** What keeps a process alive and belongs to tests, not to Jest. */
const watched = new Set([
  'TCPSocketWrap',
  'TCPServerWrap',
  'PipeServerWrap',
  'ProcessWrap',
  'HTTPINCOMINGMESSAGE',
  'UDPWrap',
])

/** How long closing may take. */
const closingMs = 2000

/** Fails a test file that leaves sockets, servers or child processes behind: they would disturb the next one, or keep the run from ending. */
export default class LeakCheckingEnvironment extends TestEnvironment {
  readonly #before = countResources()

  override async teardown(): Promise<void> {
    await super.teardown()
    const deadline = performance.now() + closingMs
    let left = this.#left()
    while (left.length > 0 && performance.now() < deadline) {
      await sleep(20)
      left = this.#left()
    }
    if (left.length > 0)
      throw new Error(
        `Left open at the end of the file: ${left.join(', ')}. Close what a test opens by cleanUp(…).`,
      )
  }

  #left(): string[] {
    return [...countResources()]
      .filter(([name, count]) => count > (this.#before.get(name) ?? 0))
      .map(([name]) => name)
  }
}

function countResources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) {
    if (watched.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}
