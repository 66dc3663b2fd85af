import { expect, test } from '@jest/globals'
import { makeNetworkPolicy, parseNetworkRule } from '../../core/network-rules.ts'

const policyOf = (...rules: string[]) => makeNetworkPolicy(rules.map(parseNetworkRule))

test.each([
  ['public', 'example.com', '93.184.216.34', 443, null],
  ['public', 'example.com', '2606:4700::1111', 80, null],
  ['public', 'example.com', '64:ff9b::8.8.8.8', 443, null], // what NAT64 makes of a public IPv4 address
  ['public', 'example.com', '93.184.216.34', 25, 'public'],
  ['public:25', 'example.com', '93.184.216.34', 25, null],
  ['public:25', 'example.com', '93.184.216.34', 443, 'public'],
  ['public', 'example.com', '10.0.0.1', 443, 'private'],
  ['10.0.0.0/8', 'any.where', '10.200.0.1', 6379, null],
  ['10.0.0.0/8', 'any.where', '::ffff:10.200.0.1', 443, null],
  ['10.0.0.0/8', 'any.where', '11.0.0.1', 443, 'public'],
  ['10.0.0.0/8:8080', '10.0.0.1', '10.0.0.1', 8080, null],
  ['10.0.0.0/8:8080', '10.0.0.1', '10.0.0.1', 8081, 'private'],
  ['fd00::/8', 'any.where', 'fd12::1', 443, null],
  ['[fd00::/8]:443', 'any.where', 'fd12::1', 444, 'private'],
  ['[::1]:443', '::1', '::1', 443, null],
  ['::1', '::1', '::1', 9, null],
  ['127.0.0.1', '127.0.0.1', '127.0.0.2', 9, 'loopback'],
  ['api.internal', 'api.internal', '10.0.0.1', 9, null],
  ['API.Internal.:443', 'api.internal.', '10.0.0.1', 443, null],
  ['api.internal', 'evil-api.internal', '10.0.0.1', 443, 'private'],
  ['api.internal', 'v2.api.internal', '10.0.0.1', 443, 'private'],
  ['*.internal', 'v2.api.internal', '10.0.0.1', 443, null],
  ['*.internal', 'internal', '10.0.0.1', 443, 'private'],
  ['*.internal', 'evilinternal', '10.0.0.1', 443, 'private'],
  ['localhost', 'localhost', '::1', 443, null],
  ['api.internal', 'api.internal', '169.254.1.1', 443, 'link-local'],
  ['metadata.google.internal', 'metadata.google.internal', '169.254.169.254', 80, 'metadata'],
  ['169.254.0.0/16', 'any.where', '169.254.1.1', 443, null],
  ['169.254.0.0/16', 'any.where', '169.254.169.254', 80, 'metadata'],
  ['0.0.0.0/0', 'any.where', '168.63.129.16', 80, 'metadata'],
  ['169.254.169.254:80', 'any.where', '169.254.169.254', 80, null],
  ['api.internal', 'api.internal', '224.0.0.1', 443, 'special'],
  ['0.0.0.0/0', 'any.where', '::1', 443, 'loopback'],
  ['public', 'any.where', 'no address', 443, 'special'],
])('the rule %s for %s at %s, port %i: %s', (rule, host, address, port, verdict) => {
  expect(policyOf(rule)(host, address, port)).toBe(verdict)
})

test('every rule permits more', () => {
  const policy = policyOf('10.0.0.0/8', 'public')
  expect([policy('a', '10.0.0.1', 9), policy('a', '8.8.8.8', 443), policy('a', '::1', 443)]).toEqual([
    null,
    null,
    'loopback',
  ])
})

test.each([
  ...[
    '',
    'two words',
    'http://api.internal',
    'api.internal/path',
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    'fd00::/129',
  ],
  ...['10.0.0.0/', '127.1', '0x7f.0.0.1', 'api.internal:0', 'api.internal:65536', 'api.internal:http', '*'],
  ...['*.', 'a..b', '[fd00::/8', '[fd00::/8]:', '::ffff:0:0/96', '-a.example', 'fd00::/8:443'],
])('%j is no rule, and says so', (text) => {
  expect(() => parseNetworkRule(text)).toThrow()
})
