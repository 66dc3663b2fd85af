const style = `
  :root { color-scheme: light dark; font-family: system-ui, sans-serif; }
  body { display: grid; place-content: center; min-height: 100vh; margin: 0; }
  main { width: min(20rem, 90vw); }
  label { display: block; margin: 1rem 0 .25rem; }
  input, button { box-sizing: border-box; width: 100%; padding: .6rem; font: inherit; }
  button { margin-top: 1.5rem; }
  [role=alert] { padding: .6rem; border-left: .3rem solid #c33; background: #c332; }
`

function html(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Noodle</title>
<style>${style}</style>
</head>
<body><main>${content}</main></body>
</html>
`
}

/** The login form; with what went wrong the time before. It works without scripts. */
export function loginPage(problem?: string): string {
  return html(
    'Log in',
    `<h1>Noodle</h1>
${problem === undefined ? '' : `<p role="alert">${escapeHtml(problem)}</p>`}
<form method="post" action="/admin/login">
<label for="username">User name</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" maxlength="256" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" required>
<button>Log in</button>
</form>`,
  )
}

/** For who is known but may not manage; null for a request that came from another site. */
export function refusedPage(username: string | null): string {
  return html(
    'Not permitted',
    `<h1>Not permitted</h1>
<p role="alert">${username === null ? 'This request came from another site.' : `${escapeHtml(username)} may not see the queues: that takes the role admin.`}</p>
<form method="post" action="/admin/logout"><button>Log in as somebody else</button></form>`,
  )
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? char)
}
