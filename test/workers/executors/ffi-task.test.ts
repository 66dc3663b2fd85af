import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { waitFor } from '../../support/wait-for.ts'
import { aFolder } from '../a-run.ts'
import { compile, compilerTest, glibcTest, openFunctions } from './a-c-library.ts'
import { openTasks } from './a-tasks-folder.ts'

glibcTest('functions of the C library are tasks, their payload described by their prototypes', async () => {
  const { tasks, begin } = await openFunctions('libc.so.6', {
    labs: { function: 'long labs(long n)' },
    getenv: { function: 'char *getenv(const char *name)' },
    open: {
      function: 'int open(const char *path, int flags);',
      params: { flags: { value: 0 } },
      failsWhen: 'negative',
    },
  })
  expect(tasks.find(({ offer }) => offer.name === 'open')?.offer).toMatchObject({
    kind: 'ffi',
    payloadSchema: {
      type: 'object',
      properties: { path: { type: 'string' } },
      required: ['path'],
      additionalProperties: false,
    },
    resultSchema: {
      type: 'object',
      properties: { returns: { type: 'integer', minimum: -2_147_483_648, maximum: 2_147_483_647 } },
      required: ['returns'],
    },
  })
  expect(await begin('labs', { n: '-9223372036854775807' }).ended).toEqual({ returns: '9223372036854775807' })
  expect(await begin('labs', { n: -7 }).ended).toEqual({ returns: 7 })
  expect(await begin('getenv', { name: 'NOODLE_ATTEMPT' }, { attempt: 3 }).ended).toEqual({ returns: '3' })
  expect(await begin('getenv', { name: 'DATABASE_URL' }).ended).toEqual({ returns: null })
  await expect(begin('open', { path: '/no/such/file' }).ended).rejects.toMatchObject({
    name: 'TaskFailure',
    code: 'TASK_ERROR',
    message: 'open returned -1 (ENOENT).',
  })
})

glibcTest(
  'the mathematics of libm: numbers that JSON does not have, and a pointer that comes out',
  async () => {
    const { begin } = await openFunctions('libm.so.6', {
      cos: { function: 'double cos(double)' },
      frexp: {
        function: 'double frexp(double x, int *exponent)',
        params: { exponent: { direction: 'out' } },
      },
    })
    expect(await begin('cos', { arg1: 0 }).ended).toEqual({ returns: 1 })
    expect(await begin('cos', { arg1: 'Infinity' }).ended).toEqual({ returns: 'NaN' })
    expect(await begin('frexp', { x: 8.5 }).ended).toEqual({ returns: 0.53125, exponent: 4 })
  },
)

const library = `
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
typedef struct { double x, y; } point;
typedef struct { point at; int tags[3]; char name[8]; bool on; uint64_t id; } place;
void sort(int *xs, int n) { for (int i = 0; i < n; i++) for (int j = i + 1; j < n; j++) if (xs[j] < xs[i]) { int t = xs[i]; xs[i] = xs[j]; xs[j] = t; } }
place mirror(place p, const point *by) { p.at.x = by->x - p.at.x; p.tags[2]++; p.on = !p.on; strcpy(p.name, "mirror"); return p; }
void corners(point lower, point upper, point out[4]) { out[0] = lower; out[1] = (point){upper.x, lower.y}; out[2] = upper; out[3] = (point){lower.x, upper.y}; }
int greet(const char *name, char *greeting, size_t size) { return snprintf(greeting, size, "Hello %s", name); }
int twice(const uint8_t *from, size_t n, uint8_t *to, size_t *written) { if (*written < 2 * n) return -5; memcpy(to, from, n); memcpy(to + n, from, n); *written = 2 * n; return 0; }
void fill(float *to, unsigned count, char *text) { for (unsigned i = 0; i < count; i++) to[i] = i / 2.0f; for (; *text; text++) if (*text >= 'a') *text -= 32; }
void overrun(char *to) { memset(to, 'x', 40); }
int say(void) { printf("from C\\n"); fprintf(stderr, "to stderr\\n"); return 0; }
`
const point = { x: 'double', y: 'double' }

compilerTest('lists, structs, texts, bytes and buffers go in and come out', async () => {
  const { begin, told } = await openFunctions(compile(library), {
    sort: {
      function: 'void sort(int *xs, int n)',
      params: { xs: { direction: 'inout' }, n: { lengthOf: 'xs' } },
    },
    mirror: {
      function: 'place mirror(place p, const struct point *by)',
      types: { point, place: { at: 'point', tags: 'int[3]', name: 'char[8]', on: 'bool', id: 'uint64_t' } },
    },
    corners: {
      function: 'void corners(point lower, point upper, point out[4])',
      types: { point },
      params: { out: { direction: 'out' } },
    },
    greet: {
      function: 'int greet(const char *name, char *greeting, size_t size)',
      params: { greeting: { direction: 'out', length: 12 }, size: { lengthOf: 'greeting' } },
    },
    twice: {
      function: 'int twice(const Byte *from, size_t n, Byte *to, size_t *written)',
      types: { Byte: 'unsigned char' },
      params: {
        n: { lengthOf: 'from' },
        to: { direction: 'out', length: 16, resultLength: 'written' },
        written: { lengthOf: 'to' },
      },
      failsWhen: 'nonzero',
    },
    fill: {
      function: 'void fill(float *to, unsigned count, char *text)',
      params: { to: { direction: 'out', length: 'count' }, text: { direction: 'inout' } },
    },
  })
  expect(told).toEqual([])
  expect(await begin('sort', { xs: [3, -1, 2] }).ended).toEqual({ xs: [-1, 2, 3] })
  expect(await begin('sort', { xs: [] }).ended).toEqual({ xs: [] })
  const place = { at: { x: 1, y: 2 }, tags: [7, 8, 9], name: 'ü', on: true, id: '18446744073709551615' }
  expect(await begin('mirror', { p: place, by: { x: 9, y: 0 } }).ended).toEqual({
    returns: { ...place, at: { x: 8, y: 2 }, tags: [7, 8, 10], name: 'mirror', on: false },
  })
  expect(await begin('corners', { lower: { x: 0, y: 0 }, upper: { x: 2, y: 1 } }).ended).toEqual({
    out: [
      { x: 0, y: 0 },
      { x: 2, y: 0 },
      { x: 2, y: 1 },
      { x: 0, y: 1 },
    ],
  })
  expect(await begin('greet', { name: 'Ada' }).ended).toEqual({ returns: 9, greeting: 'Hello Ada' })
  expect(await begin('greet', { name: 'Ada Lovelace' }).ended).toEqual({
    returns: 18,
    greeting: 'Hello Ada L',
  })
  expect(await begin('fill', { count: 3, text: 'hey' }).ended).toEqual({ to: [0, 0.5, 1], text: 'HEY' })
  expect(await begin('twice', { from: 'YWJj' }).ended).toEqual({ returns: 0, to: 'YWJjYWJj', written: 6 })
  await expect(begin('twice', { from: 'YWJjYWJjYWJj' }).ended).rejects.toThrow('twice returned -5')
  await expect(begin('fill', { count: 5_000_000, text: '' }).ended).rejects.toMatchObject({
    name: 'PermanentFailure',
    code: 'PAYLOAD_MISFIT',
    message: 'The payload does not fit: to needs 20000000 bytes; 16777216 are the most.',
  })
  await expect(begin('sort', { xs: [], n: 3 }).ended).rejects.toThrow('n is no parameter of sort that a job')
  await expect(begin('sort', {}).ended).rejects.toThrow('xs is missing')
})

compilerTest(
  'what the library prints is the log of its run; one that writes too far has failed',
  async () => {
    const { begin, liveGroups } = await openFunctions(compile(library), {
      say: { function: 'int say(void)' },
      overrun: { function: 'void overrun(char *to)', params: { to: { direction: 'out', length: 8 } } },
    })
    for (let run = 1; run <= 2; run++) {
      const { ended, seen } = begin('say')
      expect(await ended).toEqual({ returns: 0 })
      expect(seen).toMatchObject({ stdout: 'from C\n', stderr: 'to stderr\n' })
    }
    await expect(begin('overrun').ended).rejects.toMatchObject({
      name: 'PermanentFailure',
      message: 'overrun has written beyond the end of to, which is too small for it.',
    })
    await waitFor(() => liveGroups().length === 1) // the one that waits for the next run of say
  },
)

glibcTest('a process serves the next run of the same tenant, and never another tenant', async () => {
  const { begin } = await openFunctions('libc.so.6', {
    getpid: { function: 'pid_t getpid(void)', types: { pid_t: 'int' } },
  })
  const pids = []
  for (const tenant of ['a', 'a', 'b', 'a'])
    pids.push(((await begin('getpid', null, { tenant }).ended) as { returns: number }).returns)
  const [first, second, ofOther, third] = pids
  expect([second, third]).toEqual([first, first])
  expect(ofOther).not.toBe(first)
})

const crashes = `
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int smash(int n) { volatile char room[4096]; room[0] = n; return smash(n + 1) + room[0]; }
void here(void) { printf("here"); fflush(stdout); }
int crash(const char *how) {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
  char *p = malloc(100);
  switch (how[0]) {
  case 'n': return *(volatile int *)8;
  case 'o': return smash(0);
  case 'd': free(p); free(p); break;
  case 'e': exit(3);
  case 'v': _exit(0);
  case 'a': abort();
  case 'j': ((void (*)(void))16)();
  case 'l': here(); pthread_mutex_lock(&m); pthread_mutex_lock(&m); break;
  case 'i': signal(SIGTERM, SIG_IGN); here(); for (;;) ;
  }
  return 1;
}
`
const crash = { crash: { function: 'int crash(const char *how)' } }

compilerTest('each way to crash is a failed attempt that names it, and the neighbours live', async () => {
  const { begin, liveGroups } = await openFunctions(compile(crashes), crash)
  const neighbour = begin('crash', { how: 'fine' })
  const ways: [string, string, RegExp][] = [
    ['null pointer', 'SIGNAL', /^The process of the task crash was ended by SIGSEGV\.$/],
    ['overflow of the stack', 'SIGNAL', /SIGSEGV/],
    ['double free', 'SIGNAL', /SIGABRT.*free/],
    ['abort', 'SIGNAL', /SIGABRT/],
    ['jump to nowhere', 'SIGNAL', /SIGSEGV/],
    ['exit', 'EXIT_CODE', /exit code 3/],
    ['vanish', 'EXIT_CODE', /exit code 0 before it told a result/],
  ]
  for (const [how, code, message] of ways)
    await expect(begin('crash', { how }).ended).rejects.toMatchObject({
      name: 'TaskFailure',
      code,
      message: expect.stringMatching(message),
    })
  expect(await neighbour.ended).toEqual({ returns: 1 })
  await waitFor(() => liveGroups().length <= 1) // the one that waits for the next run
})

compilerTest(
  'a function that hangs ends by SIGTERM, though Node can not hear it, or by SIGKILL',
  async () => {
    const { begin, liveGroups } = await openFunctions(compile(crashes), crash)
    const [locked, deaf] = [begin('crash', { how: 'lock' }), begin('crash', { how: 'ignores SIGTERM' })]
    await waitFor(() => [locked, deaf].every(({ seen }) => seen.stdout === 'here'))
    locked.stop({ reason: 'timeout', killGraceMs: 20_000 })
    deaf.stop({ reason: 'timeout', killGraceMs: 100 })
    await expect(locked.ended).rejects.toMatchObject({ message: expect.stringContaining('SIGTERM') })
    await expect(deaf.ended).rejects.toMatchObject({ message: expect.stringContaining('SIGKILL') })
    expect(liveGroups()).toEqual([])
  },
)

glibcTest('what can not be called is told at the start, and left out', async () => {
  const noLibrary = join(aFolder(), 'libnothing.so')
  writeFileSync(noLibrary, 'no library')
  const manifest = (name: string, ffi: unknown, more = {}): Record<string, string> => ({
    [`${name}.task.json`]: JSON.stringify({ name, ffi, ...more }),
  })
  const abs = { library: 'libc.so.6', function: 'int abs(int n)' }
  const { tasks, told } = await openTasks(
    {
      ...manifest('fits', abs, { defaults: { timeoutMs: 9000 }, version: 3 }),
      ...manifest('a', { ...abs, library: 'libm.so.6' }),
      ...manifest('b', { ...abs, library: '/opt/libc.so.6' }),
      ...manifest('c', { ...abs, library: '../libc.so.6' }),
      ...manifest('d', { ...abs, function: 'int no_such_function(int n)' }),
      ...manifest('e', { ...abs, function: 'int abs(integer n)' }),
      ...manifest('f', { library: noLibrary, function: 'int abs(int n)' }),
      ...manifest('g', abs, { run: ['sh'] }),
      ...manifest('gg', abs, { secrets: ['token'] }),
      ...manifest('h', { ...abs, symbol: 'abs' }),
      ...manifest('i', { ...abs, params: { n: { value: 2_147_483_648 } } }),
    },
    { libraries: ['libc.so.6', noLibrary, 'libnowhere.so'] },
  )
  expect(tasks.map(({ offer }) => offer)).toMatchObject([
    { name: 'fits', version: '3', defaults: { timeoutMs: 9000 } },
  ])
  expect(told.sort().map((line) => /"reason":"(.*)"/.exec(line)?.[1])).toEqual([
    "the library libm.so.6 is not on this node's list TASK_FFI_ALLOW; allowed are libc.so.6, libnothing.so",
    expect.stringContaining('the library /opt/libc.so.6 is not on this node'),
    expect.stringContaining('the library ../libc.so.6 is not on this node'),
    expect.stringMatching(/libc.so.6 has no function no_such_function/),
    '`integer n` has a type that is not known; name it in `types`',
    expect.stringContaining('Failed to load shared library'),
    'run: stands beside ffi; a task is either a program or a function',
    'secrets: is of no use to a function, which gets its parameters only',
    expect.stringContaining('Unrecognized key: \\"symbol\\"'),
    expect.stringContaining('params.n.value must be a whole number from'),
  ])
})

compilerTest('a library with a sum is loaded only while it is the file that the sum names', async () => {
  const path = compile(library)
  const sum = createHash('sha256').update(readFileSync(path)).digest('hex')
  const functions = { say: { function: 'int say(void)' } }
  const right = await openFunctions(path, functions, { libraries: [`${path}=sha256:${sum}`], mostWarm: 0 })
  expect(await right.begin('say').ended).toEqual({ returns: 0 })
  writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from('more')]))
  await expect(right.begin('say').ended).rejects.toThrow('is not the file any more')
  const wrong = await openFunctions(path, functions, { libraries: [`${path}=sha256:${sum}`] })
  expect(wrong.tasks).toEqual([])
  expect(wrong.told.join('\n')).toMatch(/is not the file that its sha256 names[^]*is not on this node's list/)
})

test('a manifest with a library is left out where none is allowed', async () => {
  const { told } = await openFunctions(
    'libc.so.6',
    { abs: { function: 'int abs(int n)' } },
    { libraries: [] },
  )
  expect(told.join()).toContain('none is allowed')
})
