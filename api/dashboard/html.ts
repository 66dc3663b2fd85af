/** A page as a whole; `script` is the path of one of ours. */
export function htmlPage(
  { title, style, script }: { title: string; style: string; script?: string },
  body: string,
): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Noodle</title>
<style>${style}</style>${script === undefined ? '' : `\n<script src="${script}" defer></script>`}
</head>
<body>${body}</body>
</html>
`
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** For text and for values of attributes in quotes. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => entities[char] ?? char)
