import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { faultOfPattern, matchesPattern, prefixOf } from '../../../queue/domain/cache-name.ts'
import { cacheKey, cacheKeysBeginning, nameInCacheKey } from '../../../queue/store/redis-keys.ts'

const text = fc.string({ unit: fc.constantFrom('a', 'b', '_', '.', '-'), maxLength: 12 })

test('a pattern matches what a regular expression made of it does, and whatever it matches begins with its prefix', () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), text, (parts, name) => {
      const pattern = parts.join('*')
      const expected = new RegExp(`^${parts.map((part) => part.replaceAll('.', '\\.')).join('.*')}$`).test(
        name,
      )
      expect(matchesPattern(pattern, name)).toBe(expected)
      if (expected) expect(name.startsWith(prefixOf(pattern))).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test('a pattern of many stars costs no more than its length', () => {
  const startedMs = performance.now()
  expect(matchesPattern(`${'*a'.repeat(99)}*b`, 'a'.repeat(10_000))).toBe(false)
  expect(performance.now() - startedMs).toBeLessThan(100)
})

test.each(['task_*', 'task_resize', 'job_0198*', 'user_*', '*', 't*', '*_resize', 'ta*ze'])(
  'the pattern %s is taken',
  (pattern) => expect(faultOfPattern(pattern)).toBeNull(),
)

test.each([
  '',
  'tasks_*',
  'resize*',
  'task',
  'task_[a]',
  'task_?',
  'task_\\*',
  'task_ü',
  'noodle-rate*',
  'task_a:b',
  'task_'.padEnd(201, 'a'),
])('the pattern %p is refused', (pattern) => expect(faultOfPattern(pattern)).toEqual(expect.any(String)))

test('no part of a key passes for another, and no sign of a pattern reaches Redis unescaped', () => {
  const part = fc.string({
    unit: fc.constantFrom('a', ':', '*', '?', '[', ']', '\\', '%', '3', 'A', '\0', '\ud800', 'ü'),
  })
  const entry = fc.record({ kind: fc.constantFrom('task', 'job'), of: part, tenant: part, detail: part })
  const same = (value: unknown): string => JSON.stringify(value).replaceAll('\\ud800', '\ufffd')
  fc.assert(
    fc.property(entry, entry, (one, other) => {
      const [first, second] = [one, other].map((each) => cacheKey(each as Parameters<typeof cacheKey>[0]))
      expect(first === second).toBe(same(one) === same(other))
      expect(first).toMatch(/^noodle-cache:[A-Za-z0-9._%-]*:[A-Za-z0-9._%-]*:[A-Za-z0-9._%-]*$/)
      expect(nameInCacheKey(first ?? '')).toBe((first ?? '').split(':')[1])
    }),
    { numRuns: 2000 },
  )
  expect(cacheKeysBeginning('task_a*[b]?')).toBe('noodle-cache:task_a\\*\\[b\\]\\?*')
})
