// The HTML around every page's content.

export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
    <style>
      body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #1a1f36; }
      button { padding: 0.6rem 1.2rem; border: 0; border-radius: 0.4rem; background: #4f46e5; color: #fff; font: inherit; }
      button:focus-visible { outline: 3px solid #a5b4fc; }
      [role] { padding: 0.75rem 1rem; border-radius: 0.4rem; background: #eef2ff; }
    </style>
  </head>
  <body><main><h1>${title}</h1>${body}</main></body>
</html>`;
}
