import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  afterCrash,
  afterFailure,
  afterHandBack,
  canMove,
  isTerminal,
  jobStates,
  terminalStates,
} from '../../../queue/domain/job-state.ts'

test('no move leaves a terminal state, and a terminal state can be reached from every other', () => {
  for (const terminal of terminalStates) expect(jobStates.filter((to) => canMove(terminal, to))).toEqual([])
  for (const start of jobStates) {
    const reached = new Set([start])
    for (const from of reached) for (const to of jobStates) if (canMove(from, to)) reached.add(to)
    expect([...reached].some(isTerminal)).toBe(true)
  }
})

test('a job runs only from the backlog or its window, and succeeds only after it ran, or at its acceptance', () => {
  expect(jobStates.filter((from) => canMove(from, 'running'))).toEqual(['pending', 'queued'])
  expect(jobStates.filter((from) => canMove(from, 'succeeded'))).toEqual(['pending', 'running'])
})

test('a job whose task always fails gets exactly maxAttempts attempts', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), (maxAttempts) => {
      let failures = 0
      while (afterFailure({ failures, maxAttempts }, { isFinal: false, delayMs: 0 }).state === 'pending')
        failures++
      expect(failures + 1).toBe(maxAttempts)
    }),
  )
})

test('a final error fails the job whatever attempts are left', () => {
  expect(afterFailure({ failures: 0, maxAttempts: 100 }, { isFinal: true, delayMs: 0 })).toEqual({
    state: 'failed',
  })
})

test('crashes and hand-backs have limits of their own', () => {
  expect([0, 1, 2].map((crashes) => afterCrash({ crashes }, 3).state)).toEqual([
    'pending',
    'pending',
    'failed',
  ])
  expect([0, 18, 19].map((handBacks) => afterHandBack({ handBacks }, 20).state)).toEqual([
    'pending',
    'pending',
    'failed',
  ])
})
