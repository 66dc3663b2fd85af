import { escapeHtml, htmlPage } from './html.ts'

const style = `
  :root { color-scheme: light dark; font-family: system-ui, sans-serif; }
  body { display: grid; place-content: center; min-height: 100vh; margin: 0; }
  main { width: min(20rem, 90vw); }
  label { display: block; margin: 1rem 0 .25rem; }
  input, button { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; }
  button { margin-top: 1.5rem; }
  [role=alert] { padding: .6rem; border-left: .3rem solid #c33; background: #c332; }
`

/** The login form; with what went wrong the time before. It works without scripts. */
export function loginPage(problem?: string): string {
  return htmlPage(
    { title: 'Log in', style },
    `<main><h1>Noodle</h1>
${problem === undefined ? '' : `<p role="alert">${escapeHtml(problem)}</p>`}
<form method="post" action="/admin/login">
<label for="username">User name</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" maxlength="256" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required>
<button>Log in</button>
</form></main>`,
  )
}

/** For who is known but may not see `what`; null for a request that came from another site. */
export function refusedPage(username: string | null, what = ''): string {
  return htmlPage(
    { title: 'Not permitted', style },
    `<main><h1>Not permitted</h1>
<p role="alert">${username === null ? 'This request came from another site.' : `${escapeHtml(username)} may not ${what}.`}</p>
<form method="post" action="/admin/logout"><button>Log in as somebody else</button></form></main>`,
  )
}
