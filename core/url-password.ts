/**
 * A store's URL with the password that is configured apart from it. One that has a password in it keeps that.
 * @throws Error when the URL names no host, so that a password can't stand in it
 */
export function withPassword(url: string, password: string): string {
  const parts = new URL(url)
  if (parts.password !== '') return url
  parts.password = password
  if (parts.password === '') throw new Error('names no host, so a password can not be put into it')
  return parts.href
}
