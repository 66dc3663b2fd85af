import { join, relative } from 'node:path'
import { checkout, credentialsFile } from './home.ts'
import { isSet } from './start.ts'

/** What somebody who started Noodle wants to know next. */
export function greeting(up: { url: string; grpcAddress: string | undefined; home: string }): string[] {
  const { url, grpcAddress, home } = up
  const here = (path: string): string => relative(process.cwd(), path) || '.'
  // Another terminal does not know what was set in this one.
  const noodle = isSet('NOODLE_HOME') ? `NOODLE_HOME=${home} npx noodle` : 'npx noodle'
  return [
    '',
    `Noodle is up: ${url}`,
    `  calls and their reference   ${url}/docs`,
    ...(grpcAddress === undefined ? [] : [`  gRPC                        ${grpcAddress}`]),
    `  queues                      ${url}/admin/queues`,
    `  scaling                     ${url}/admin/scaling`,
    `  who may log in              ${here(credentialsFile(home))}`,
    `  logs                        ${here(join(home, 'logs'))}`,
    '',
    'Try next, in another terminal:',
    `  ${noodle} submit --wait command -- wc -w ${join(checkout, 'README.md')}`,
    `  ${noodle} jobs`,
    `  ${noodle} tiers`,
    '',
    'Ctrl-C stops it; a second one does not wait for running jobs.',
  ]
}
