import { expect, test } from '@jest/globals'
import { readTrace } from '../../../ops/autoscale/simulate/trace.ts'

const only = (text: string) => [...readTrace(text, 4).values()][0]

test('a trace is read by the names of its columns, in the order of arrival', () => {
  const workload = only('serviceMs,task,at\n1500,b,20\n500,a,10.5\n')
  expect(workload).toMatchObject({ count: 2, tasks: ['a', 'b'] })
  expect([...(workload?.arrivalAt ?? [])]).toEqual([10.5, 20])
  expect([...(workload?.serviceSeconds ?? [])]).toEqual([0.5, 1.5])
  expect([...(workload?.slots ?? [])]).toEqual([1, 1])
  expect([...(workload?.deadlineAt ?? [])]).toEqual([Infinity, Infinity])
})

test('times are counted from the first; deadlines from the arrival', () => {
  const workload = only(
    'at,serviceMs,deadlineMs,slots\r\n2026-11-23T15:00:10.500Z,1000,2000,2\r\n2026-11-23T16:00:00+01:00,1000,,\r\n',
  )
  expect([...(workload?.arrivalAt ?? [])]).toEqual([0, 10.5])
  expect([...(workload?.deadlineAt ?? [])]).toEqual([Infinity, 12.5])
  expect([...(workload?.slots ?? [])]).toEqual([1, 2])
})

test('each tier has its own workload, and large is heavy', () => {
  const trace = readTrace('at,serviceMs,tier\n5,1,small\n7,1,large\n9,1,heavy\n', 4)
  expect([...trace].map(([tier, { count }]) => [tier, count])).toEqual([
    ['small', 1],
    ['heavy', 2],
  ])
})

test.each([
  ['', 'The trace is empty; its first line must name the columns: at,serviceMs.'],
  ['at,serviceMs\n', 'The trace has no jobs: there is no line below the header.'],
  ['1,200\n2,300\n', 'Line 1: there is no column 1'],
  ['at,servicems\n1,2\n', 'Line 1: there is no column servicems; did you mean serviceMs?'],
  ['at,task\n1,a\n', 'Line 1: the column serviceMs is missing; at and serviceMs must be there.'],
  ['at,at,serviceMs\n1,1,1\n', 'Line 1: the column at is there twice.'],
  ['at,serviceMs\n1,200\n2,-5\n', 'Line 3, column serviceMs: -5 must be a number, 0 or more.'],
  [
    'at,serviceMs\n1,200\n\n2,\n',
    'Line 4, column serviceMs: nothing is there; it must be a number, 0 or more.',
  ],
  ['at,serviceMs\n-1,200\n', 'Line 2, column at: -1 must be a number, 0 or more.'],
  [
    'at,serviceMs\nyesterday,200\n',
    'Line 2, column at: yesterday must be seconds from the start, or a time such as',
  ],
  [
    'at,serviceMs\n1,200\n2026-11-23T15:00:00Z,5\n',
    'Line 3, column at: it is a time, and the first job has a number',
  ],
  [
    'at,serviceMs,slots\n1,200,5\n',
    'Line 2, column slots: 5 must be a whole number, at most the 4 slots of a node.',
  ],
  ['at,serviceMs,slots\n1,200,0.5\n', 'Line 2, column slots: 0.5 must be a number, 1 or more.'],
  ['at,serviceMs,deadlineMs\n1,200,soon\n', 'Line 2, column deadlineMs: soon must be a number, 0 or more.'],
  ['at,serviceMs\n1,200,7\n', 'Line 2'],
  ['at,serviceMs\n1,"200\n', 'Line 2'],
])('%j is refused by line and column', (text, message) => {
  expect(() => readTrace(text, 4)).toThrow(message)
})
