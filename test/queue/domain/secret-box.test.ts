import { expect, test } from '@jest/globals'
import { makeSecretBox } from '../../../queue/domain/secret-box.ts'

const [one, two] = [
  'the first key, of more than thirty-two bytes',
  'the second key, of more than thirty-two bytes',
]
const place = { tenant: 'a', name: 'token' }

test('a sealed value opens as the secret that it was sealed as, and as no other', () => {
  const box = makeSecretBox([one])
  const sealed = box.seal(place, 'värde')
  expect(box.open(place, sealed)).toEqual({ value: 'värde' })
  expect(box.open({ ...place, tenant: 'b' }, sealed)).toBe('damaged')
  expect(box.open({ ...place, name: 'other' }, sealed)).toBe('damaged')
  for (const at of [0, 12, sealed.sealed.length - 1]) {
    const bytes = Buffer.from(sealed.sealed)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    expect(box.open(place, { ...sealed, sealed: bytes })).toBe('damaged')
  }
  expect(box.open(place, { ...sealed, sealed: sealed.sealed.subarray(0, 20) })).toBe('damaged')
  expect(box.seal(place, 'värde').sealed).not.toEqual(sealed.sealed)
})

test('after a change of the key what the earlier one sealed opens while that one is given, and not without', () => {
  const old = makeSecretBox([one]).seal(place, 'value')
  const both = makeSecretBox([two, one])
  expect(both.open(place, old)).toEqual({ value: 'value' })
  expect(both.seal(place, 'value').keyId).toBe(both.keyId)
  expect(makeSecretBox([two]).open(place, old)).toBe('no key')
})
