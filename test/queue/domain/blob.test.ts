import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { normalize } from 'node:path'
import {
  artifactKey,
  artifactNameProblem,
  jobOfKey,
  jobPrefix,
  payloadKey,
  resultKey,
} from '../../../queue/domain/blob.ts'

const job = { tenant: 'ours', id: '01900000-0000-7000-8000-0000000000aa', fence: 3 }

/** Names as they come, and as somebody makes them who wants to get out. */
const anyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 600 }),
  fc
    .array(
      fc.constantFrom('..', '.', '', 'a', '%2e%2e', '%', '\\', '\0', '..;', 'ä', '~', 'C:', 'x'.repeat(150)),
      { maxLength: 20 },
    )
    .map((parts) => parts.join('/')),
)

test('whatever an artifact is called, its key stays below its job and fence, and no two names have one key', () => {
  const seen = new Map<string, string>()
  fc.assert(
    fc.property(anyName, (name) => {
      if (artifactNameProblem(name) !== null) {
        expect(() => artifactKey(job, name)).toThrow('An artifact was named')
        return
      }
      const key = artifactKey(job, name)
      expect(key.startsWith(`${jobPrefix(job)}3/artifacts/`)).toBe(true)
      expect(normalize(key)).toBe(key)
      expect(key).not.toMatch(/[\p{Cc}\\"*:<>?|]/u)
      expect(Buffer.byteLength(key)).toBeLessThanOrEqual(1024 - 100) // S3's, with room for a prefix
      for (const part of key.split('/')) expect(Buffer.byteLength(part)).toBeLessThanOrEqual(240)
      expect(jobOfKey(key)).toBe(job.id)
      expect([undefined, name]).toContain(seen.get(key))
      seen.set(key, name)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ['', 'is empty'],
  ['..', 'has .. in its path'],
  ['a/../../etc/passwd', 'has .. in its path'],
  ['./a', 'has . in its path'],
  ['/etc/passwd', 'is not a plain relative path'],
  ['a//b', 'is not a plain relative path'],
  ['a/', 'is not a plain relative path'],
  ['a\0b', 'holds a control character'],
  ['a\nb', 'holds a control character'],
  ['a\u009bb', 'holds a control character'],
  ['..\\..\\x', 'holds a backslash'],
  ['\ud800', 'is not valid Unicode'],
  ['x'.repeat(201), 'has a part longer than 200 bytes'],
  ['%'.repeat(100), 'has a part longer than 200 bytes'],
  [`${'x'.repeat(199)}/`.repeat(3), 'is longer than 512 bytes'],
  [`${'%'.repeat(60)}/`.repeat(3), 'is longer than 512 bytes'],
  [`${'a/'.repeat(16)}a`, 'is deeper than 16 folders'],
])('%j can not be the name of an artifact: it %s', (name, problem) => {
  expect(artifactNameProblem(name)).toBe(problem)
})

test.each([
  'model.bin',
  'plots/loss curve.png',
  '.hidden',
  '...',
  'größe.txt',
  '%2e%2e',
  '-rf',
  '~',
  'CON',
  '图/模型.bin',
])('%j can be the name of an artifact', (name) => {
  expect(artifactNameProblem(name)).toBeNull()
})

test('keys name their job, and nothing else does', () => {
  for (const key of [payloadKey(job), resultKey(job), artifactKey(job, 'a/b')])
    expect(jobOfKey(key)).toBe(job.id)
  for (const key of [
    'installation',
    'ours/x/payload',
    `ours/${job.id}`,
    `/${job.id}/payload`,
    `ours/${job.id}/`,
  ])
    expect(jobOfKey(key)).toBeNull()
})
