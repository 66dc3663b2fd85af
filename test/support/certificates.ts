import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from '@jest/globals'
import { cleanUp } from './clean-up.ts'

/** Skipped, and said to be, where there is no openssl to make certificates. */
export const certificateTest = hasOpenssl() ? test : test.skip

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** An authority with a certificate for the server and one for a client, and another authority, as PEM by their names. */
export function makeCertificates(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'noodle-tls-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' })
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      ...curve,
      '-days',
      '2',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-subj',
      `/CN=${name}`,
    )
  authority('ca')
  authority('other')
  for (const name of ['server', 'client']) {
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost']
    openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, ...subject)
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-days',
      '2',
      '-copy_extensions',
      'copy',
      '-out',
      `${name}.crt`,
    )
  }
  return (name) => readFileSync(join(folder, name), 'utf8')
}
