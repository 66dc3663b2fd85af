import { expect, test } from '@jest/globals'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '../../../ops/cli/doctor/finding.ts'
import { anS3Server } from '../../queue/store/blobs/an-s3-server.ts'
import { aFolder, runCli } from '../../support/cli.ts'

async function findingOf(env: Record<string, string>): Promise<Finding | undefined> {
  const { stdout } = await runCli(['--json', 'doctor'], { env: { NOODLE_HOME: aFolder(), ...env } })
  return (JSON.parse(stdout) as { findings: Finding[] }).findings.find(({ check }) => check === 'blob store')
}

test('doctor tries the blob store, and leaves nothing in it', async () => {
  const dir = join(aFolder(), 'blobs')
  expect(await findingOf({ BLOB_DIR: dir })).toMatchObject({
    status: 'ok',
    message: expect.stringContaining('first blob'),
  })
  mkdirSync(dir)
  expect(await findingOf({ BLOB_DIR: dir })).toMatchObject({
    status: 'ok',
    message: expect.stringContaining(dir),
  })
  expect(readdirSync(dir)).toEqual([])
  const { settings } = await anS3Server()
  expect(await findingOf(settings)).toMatchObject({ status: 'ok' })
  expect(await findingOf({ ...settings, S3_SECRET_ACCESS_KEY: 'a guess' })).toMatchObject({
    status: 'failure',
    message: expect.stringContaining('signature'),
  })
  const file = join(dir, 'file')
  writeFileSync(file, '')
  chmodSync(file, 0)
  expect(await findingOf({ BLOB_DIR: file })).toMatchObject({
    status: 'failure',
    message: expect.stringMatching(/ENOTDIR|EEXIST/),
  })
})
