import { join, relative } from 'node:path'
import { checkout, credentialsFile } from './home.ts'

/** What somebody who started Noodle wants to know next. */
export function greeting(url: string, home: string): string[] {
  const here = (path: string): string => relative(process.cwd(), path) || '.'
  return [
    '',
    `Noodle is up: ${url}`,
    `  calls and their reference   ${url}/docs`,
    `  queues                      ${url}/admin/queues`,
    `  who may log in              ${here(credentialsFile(home))}`,
    `  logs                        ${here(join(home, 'logs'))}`,
    '',
    'Try next, in another terminal:',
    `  npx noodle submit --wait command -- wc -w ${join(checkout, 'README.md')}`,
    '  npx noodle jobs',
    '  npx noodle tiers',
    '',
    'Ctrl-C stops it; a second one does not wait for running jobs.',
  ]
}
