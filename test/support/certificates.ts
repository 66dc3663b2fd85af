import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from '@jest/globals'
import { cleanUp } from './clean-up.ts'

/** Skipped, and said to be, where there is no openssl to make certificates. */
export const certificateTest = hasOpenssl() ? test : test.skip
if (!hasOpenssl()) test.skip('TLS (skipped: it needs openssl)', () => undefined)

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Options of a gateway that asks for certificates, and of workers that have one; none where there is no openssl. */
export function mutualTls() {
  if (!hasOpenssl()) return { gateway: {}, worker: {} }
  const pem = makeCertificates()
  const cert = { GRPC_TLS_CERT: pem('server.crt'), GRPC_TLS_KEY: pem('server.key') }
  const own = { MASTER_TLS_CERT: pem('client.crt'), MASTER_TLS_KEY: pem('client.key') }
  return {
    gateway: { ...cert, GRPC_TLS_CLIENT_CA: pem('ca.crt') },
    worker: { ...own, MASTER_TLS_CA: pem('ca.crt') },
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
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
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
