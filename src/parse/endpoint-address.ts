/**
 * Says what an endpoint's URL would have to be, or `undefined` where it may be spoken to as it is. `loopback`: whether this
 * machine itself may be named; a document from elsewhere must not lead there.
 */
export function endpointFault(url: URL, insecureHosts: readonly string[], loopback = true): string | undefined {
  if (url.hash !== '') return 'a URL without fragment'
  if (url.username !== '' || url.password !== '') return 'a URL without user name and password'
  if (!loopback && leadsHere(url.hostname)) return 'a URL that does not lead to this machine'
  if (url.protocol === 'https:') return undefined
  if (url.protocol === 'http:' && (isLoopback(url.hostname) || insecureHosts.includes(url.hostname))) return undefined
  return 'an https URL (http only on loopback and for hosts listed in "insecureHosts")'
}

// As the host files of Linux distributions name it.
const OWN_NAMES = new Set([
  'localhost',
  'localhost.localdomain',
  'localhost4',
  'localhost4.localdomain4',
  'localhost6',
  'localhost6.localdomain6',
  'ip6-localhost',
  'ip6-loopback',
])
// IPv6 addresses that stand for 127.0.0.0/8 or 0.0.0.0/8: compatible (RFC 4291 §2.5.5.1), mapped, translated (RFC 2765
// §2.1), NAT64 (RFC 6052 §2.1). A URL writes each of them in this form alone.
const OWN_IPV4_IN_IPV6 = /^\[(?:::|::ffff:|::ffff:0:|64:ff9b::)(?:7f[0-9a-f]{2}|[0-9a-f]{1,2}):[0-9a-f]{1,4}\]$/

/** Every spelling of this machine; wider than what may be spoken to without TLS. The system's resolver may know more. */
function leadsHere(hostname: string): boolean {
  const name = withoutFinalDots(hostname)
  return (
    isLoopback(name) ||
    OWN_NAMES.has(name) ||
    name.endsWith('.localhost') ||
    name === '[::]' ||
    /^0\.\d+\.\d+\.\d+$/.test(name) ||
    OWN_IPV4_IN_IPV6.test(name)
  )
}

// A loop: a regular expression for the dots would look at each of them again and again.
function withoutFinalDots(name: string): string {
  let end = name.length
  while (name[end - 1] === '.') end--
  return name.slice(0, end)
}

/** Whether an address is one of this machine. */
export function isLocal(address: string): boolean {
  return URL.canParse(address) && leadsHere(new URL(address).hostname)
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
