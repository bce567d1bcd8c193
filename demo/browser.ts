// A small browser for signing in: cookies, redirects and forms.

/** A page, or the redirect at which the browser stopped. */
export interface Page {
  readonly url: string
  readonly html: string
}

export interface Browser {
  /** Opens a page. Redirects are followed until one leads to an address that starts with `until`. */
  open(url: string, options?: { until?: string }): Promise<Page>
  /** Submits the page's form with its own values and the typed ones. */
  submit(page: Page, typed: Readonly<Record<string, string>>, options?: { until?: string }): Promise<Page>
}

interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
}

const maxRedirects = 10

/** Returns a browser without cookies: nobody has signed in yet. */
export function createBrowser(): Browser {
  const jar = new Map<string, Cookie>()

  async function request(url: string, form: URLSearchParams | undefined, until: string | undefined): Promise<Page> {
    let next = url
    let body = form
    for (let hops = 0; hops <= maxRedirects; hops++) {
      if (until !== undefined && next.startsWith(until)) return { url: next, html: '' }
      const response = await fetch(next, {
        method: body ? 'POST' : 'GET',
        headers: { accept: 'text/html', cookie: cookiesFor(jar, new URL(next).pathname) },
        redirect: 'manual',
        ...(body ? { body } : {}),
      })
      for (const line of response.headers.getSetCookie()) keep(jar, line)
      const html = await response.text()
      const location = response.headers.get('location')
      if (response.status >= 300 && response.status < 400 && location) {
        next = new URL(location, next).href
        body = undefined
      } else if (response.ok) {
        return { url: next, html }
      } else {
        throw new Error(`${next} answered ${response.status}: ${html.slice(0, 200)}`)
      }
    }
    throw new Error(`more than ${maxRedirects} redirects from ${url}`)
  }

  return {
    open: (url, options) => request(url, undefined, options?.until),
    async submit(page, typed, options) {
      const { action, fields } = parseForm(page)
      return request(action, new URLSearchParams({ ...fields, ...typed }), options?.until)
    },
  }
}

function cookiesFor(jar: ReadonlyMap<string, Cookie>, path: string): string {
  return [...jar.values()]
    .filter((cookie) => path === cookie.path || path.startsWith(cookie.path.replace(/\/?$/, '/')))
    .map((cookie) => `${cookie.name}=${cookie.value}`)
    .join('; ')
}

function keep(jar: Map<string, Cookie>, line: string): void {
  const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
  const equals = pair.indexOf('=')
  const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
  const attribute = (key: string): string | undefined =>
    attributes.find((part) => part.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1)
  const path = attribute('path') ?? '/'
  const expires = attribute('expires')
  // The same name may stand for several paths.
  const key = `${name} ${path}`
  if (value === '' || (expires !== undefined && Date.parse(expires) <= Date.now())) jar.delete(key)
  else jar.set(key, { name, value, path })
}

function parseForm(page: Page): { action: string; fields: Record<string, string> } {
  const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/.exec(page.html)
  if (!form) throw new Error(`${page.url} has no form`)
  const fields: Record<string, string> = {}
  for (const [, input = ''] of (form[2] ?? '').matchAll(/<input\b([^>]*)>/g)) {
    const name = attributeOf(input, 'name')
    if (name !== undefined) fields[name] = attributeOf(input, 'value') ?? ''
  }
  return { action: new URL(attributeOf(form[1] ?? '', 'action') ?? page.url, page.url).href, fields }
}

function attributeOf(tag: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`)
    .exec(tag)?.[1]
    ?.replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
