/**
 * Returns the requirement that an endpoint's URL does not meet, or `undefined` where requests may go to it. `loopback`: whether it
 * may be on this machine. A document from elsewhere must not lead there.
 */
export function endpointFault(url: URL, insecureHosts: readonly string[], loopback = true): string | undefined {
  if (url.hash !== '') return 'a URL without fragment'
  if (url.username !== '' || url.password !== '') return 'a URL without user name and password'
  if (!loopback && leadsHere(url.hostname)) return 'a URL on another machine'
  if (url.protocol === 'https:') return undefined
  if (url.protocol === 'http:' && (isLoopback(url.hostname) || insecureHosts.includes(url.hostname))) return undefined
  return 'an https URL (or http on loopback and for "insecureHosts")'
}

// The names in the host files of Linux distributions: `localhost4.localdomain4`, `ip6-loopback` and the like.
const OWN_NAME =
  /^(?:localhost[46]?(?:\.localdomain[46]?)?|ip6-(?:localhost|loopback)|.*\.localhost|\[::\]|0\.\d+\.\d+\.\d+)$/
// IPv6 addresses for 127.0.0.0/8 or 0.0.0.0/8: compatible (RFC 4291 §2.5.5.1), mapped, translated (RFC 2765 §2.1), NAT64 (RFC 6052
// §2.1). `URL` writes each of them only in this form.
const OWN_IPV4_IN_IPV6 = /^\[(?:::|::ffff:|::ffff:0:|64:ff9b::)(?:7f[0-9a-f]{2}|[0-9a-f]{1,2}):[0-9a-f]{1,4}\]$/

/**
 * Whether a host name stands for this machine, in any spelling: wider than the names that need no TLS. The system's resolver may
 * know more names.
 */
function leadsHere(hostname: string): boolean {
  const name = withoutFinalDots(hostname)
  return isLoopback(name) || OWN_NAME.test(name) || OWN_IPV4_IN_IPV6.test(name)
}

// A loop, because a regular expression would visit each dot again and again.
function withoutFinalDots(name: string): string {
  let end = name.length
  while (name[end - 1] === '.') end--
  return name.slice(0, end)
}

/** Whether an address is on this machine. */
export function isLocal(address: string): boolean {
  return URL.canParse(address) && leadsHere(new URL(address).hostname)
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}
