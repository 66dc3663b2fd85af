import { expect, test } from '@jest/globals'
import { redact } from '../../core/logger.ts'

test('secrets vanish by their names, at any depth, and from URLs and errors', () => {
  const line = redact({
    password: 'p1',
    accessToken: 'p2',
    headers: { Authorization: 'Bearer p3', accept: 'x' },
    list: [{ apiKey: 'p4' }],
    url: 'postgres://user:p5@host/db',
    error: new Error('could not reach redis://:p6@host', { cause: new Error('postgres://u:p7@h') }),
    jobId: 'kept',
  })
  expect(JSON.stringify(line)).not.toMatch(/p[1-7]/)
  expect(line).toMatchObject({
    jobId: 'kept',
    headers: { accept: 'x' },
    url: 'postgres://user:[redacted]@host/db',
  })
})
