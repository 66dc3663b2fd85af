import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cleanUp } from './clean-up.ts'

/** A folder for blobs that is made with the first one, and gone after the test. */
export function testBlobDir(): string {
  const dir = join(tmpdir(), `noodle-test-blobs-${randomUUID()}`)
  cleanUp(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
