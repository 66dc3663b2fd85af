import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { silentLogger } from '../../../core/logger.ts'
import { makeProcessDriver } from '../../../ops/autoscale/drivers/process-driver.ts'
import { cleanUp } from '../../support/clean-up.ts'
import { waitFor } from '../../support/wait-for.ts'

test('a worker that does not come up is the failure of the next start, once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-driver-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  const main = join(folder, 'main.js')
  writeFileSync(main, 'process.exit(3)')
  const driver = makeProcessDriver({
    ...{ tiers: [{ name: 'small', cpu: 1, memoryMb: 64, gpu: 0 }], main, logFolder: folder, env: {} },
    ...{ stopDeadlineMs: 1000, log: silentLogger },
  })
  cleanUp(() => driver.close())
  const life = new AbortController().signal
  const untilGone = () => waitFor(async () => (await driver.list('small', life)).length === 0)
  await driver.start('small', life)
  await untilGone()
  await expect(driver.start('small', life)).rejects.toThrow('The last worker of tier small did not come up.')
  expect(await driver.list('small', life)).toEqual([])
  await driver.start('small', life)
  await untilGone()
})
