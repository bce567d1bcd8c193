import type { JWK } from 'jose'

/**
 * Key pairs for the fuzzer, made once, so that a case can be run again. PUBLIC TEST KEYS: whoever reads this file holds the
 * private halves. Nothing may ever trust them.
 */
export const TEST_KEYS = {
  'a-es': {
    kty: 'EC',
    kid: 'es',
    alg: 'ES256',
    use: 'sig',
    x: 'Do0wM2PHQqJpzZy5J3TatwNrj-JTD1j4d9BOWmx3PAA',
    y: 'VkZqoF6Zc2I5uKBPnYtxHb9aWLkQLf1TMOPut9FsbOk',
    crv: 'P-256',
    d: '2iKROMu5YfZRKJYUybOihpqdWtUr7BZacMr6X-IuQ34',
  },
  'a-ed': {
    kty: 'OKP',
    kid: 'ed',
    alg: 'Ed25519',
    use: 'sig',
    crv: 'Ed25519',
    d: '_OfuL1ub7HziFviGP0sTMuTDr8ncFWXFP6nqfc5U-Kw',
    x: 'moD4hXFM7G9jh5jKttT4XolrOSycid4Jr5Cg85ajtyM',
  },
  'a-rs': {
    kty: 'RSA',
    kid: 'rs',
    alg: 'RS256',
    use: 'sig',
    n: 'jDzCLqKkj8mxZc6wvcNg1RwET-m1fZbsAo2OUuPHYap8NF_KWF2oDhPaTrGFEdKx5KBnXDSWG4IGQtakWem3V7AHW76T4IpBOThXTlPixAnVNXmQoSf_wiBM2DVmJ-RkvEPZSf9XipIO0n5IG3h50Vyt64j_Stz4_Q_sA1fgcnvpIVbO9HPaPolpl1RKvyp3a1M8Xpm4hsY6Pi6q1Ydyuv6lM-EuUPqzXpEn_AujA24-oZsGQbtHW5zyUTVzz_CS0yGrGTPFDB94SxBxF82mbLHT-ju4y2kok35_m-_bKi8jk3BG_Ws4jjaPTfNAWppM56_4Ne5-g3sWTLvVGC_BvQ',
    e: 'AQAB',
    d: 'FNh4PeHnx8bho4JCk-adt3fjbTSOiZVcTjHYCNq6ebpTnZ5qj9GWKEeLsRxirShOUK-GRba8ZGjiwN8yjXn4CqUMJvdQeHVcpiKJmcdO4ziZ9Im2NbpiImtWOOJRJddloPWN8FmwG9VDtkbWtZymMPiPkr4pwqlPqqBKAyI2JxYrVfPOHffF0TE2kXsqsn0a6Vlcs-eVrTBFZYhoUHL8qQXC80yM6Pf47-g_yFO-2L5o_ngc4-rGPFxcLr6xLI4lK4dZB9rRkQbPasEFYqv11CBJB35ZbCiqVKwKlmW9JWipmeTj1ZIGq19AIg-zH-I8E86NJQqeG8ni1d6XO1EMAQ',
    p: 'wMYksubGifkR8mvfkQSFPDZkVuZm5WOIYrvRh3t0MvKPp3H0lyIrcT-VFMwpGd5OfYhl8REFVzDP_gQEm46N78PsAEZZ4s751dOuAYE6iYNqmP40lad7lmiF8cWlq2GNiwhq9I6votkRGDCKP9Y4pVzpJBSTdpTPE0GLvMwS7AE',
    q: 'ujt8ok3JYoJ4xBoZbBdf9PIIoNyzQm8GJFpn3SHsRmlW-tbIZ-uSfB1WXQcttTHjgsTIziiG8qqrg3pcSsPCJ2aSkTq_aProicurF7oe3oy8KOQQoEXAvWg1yHWzW_X3iImxpr-l--huZRzFTrUAKxQqJLsk_Cl1F8OnG7Wbhb0',
    dp: 'ZOUP_ia1ES-wSf5Vw_PmvA4H1EfA4RyIHI0K7Gsb9TJpJ42II7X5oMtTftAgTu7AjAlguZxb_DeLFPsLYlNpTG1xzu8DSqdjsZuZ_iWh-qkymKKr6QwArkdEm7cDr8BeMb-VIyyvFn-f59Y39ZNskHghegXe7HiULRLoTUdOPAE',
    dq: 'ZS3omu2UGjc0kaZ0ZWuVsKjG007U_aUAO0P65gOGMQMORJ3op70vCsuNnmFGDgmax_NN_eO63aCoKniSJ_SPSYTK4KiAUfLv392NiQiPuO3RVI4EEm-TNdSmU9DOr4nFAKN-p0-8SE6Rm9GzyP1BqCX-d5JNl8qWWWDtK3rRkik',
    qi: 'ZZyER4PiKW_PMJaSagrtWAmvVsAx3hpNkn0ZuL55OWI44GmqcXZHTwLVOxwoOGFjpLgra_sEB0xnRDrUl_wS924NToQk9a9EwCuPDWAmPVxeWJ3fMe42HzeAksk-8BXO3HQHp--9mJNTU69YaveAXZGEAxLK3jzsmFcmbgv5so8',
  },
  'b-es': {
    kty: 'EC',
    kid: 'es',
    alg: 'ES256',
    use: 'sig',
    x: 'kVpIs1g7QzEpsdWVPir_loumoWKvMawG8ll4AsZ0bzc',
    y: 'pEUwe8HS7hgRYcrqYNxbO2THirdHGR87bc7jJ5YDniI',
    crv: 'P-256',
    d: 'OMxca0FzeyV27AaiFD-jPJNpY8h_GRbEBeBFYNk12Lk',
  },
  'b-rs': {
    kty: 'RSA',
    kid: 'rs',
    use: 'sig',
    n: 'syaEYSBMEEKX6fZhd5dyxQiHyfAJKLHy7ow-_9Qv4GB3eOv1k8ixJktKVg9vFv5fziR1VPSnsW8Pp5w9IfyxPFZ5a8dfswYnsA0uykYgm37ZYb82x6bDmAMZ1a44yE-5jhcyzgTVwP51eCuOtIAlZn1WHtYRWEnXrqSKbMQkSIUzg1sDpw-O0aBaKxZKyB-3yRe5EXnejV4meJZHdBrjgWNOk3pKLuIBSSBbGXUZy5HxlmyrjhCs0vVQ_5zwqWMr5yTpHf0L9wjlze99lhm_1H2jSdJjUN91pNExn_oE3ySt336nkkmSJnR3WgS3YgjZmjIuwipVlVu-tljsE5BvCw',
    e: 'AQAB',
    d: 'AbpFXIprMVzzChaOKhET0kKazJ-79uCAbzx6_wyUyZ0kic38uEgfLTdcqCfN8nLRibNgTklttJBVnlArZsCBFQvgb-GkUp2klFYMNXcnqVg30HF_nb1F9ZlSDnV3prbeGziuDL6PMSVDDL2eyq7RrYNX6UQ3Npq_sbd0fkgF8Y0TIoQiIhhOpBvQ2tTrDRE9fLlmzw9AzOI_JTBJAPg2cpeBnqwSTep4TujR8Ta_l0jkXiRufXUSWmltz-8j3iIYGThJsDGbmLRXr0EpHg1uHomXNnfhYPjEgYsE1RdC3JtQEOiSMiJcmhIjgVdEJS0KpwawHPcG_IY_25w6FdRdAQ',
    p: '7p2ITo4hTSzXkt29HuSigqaz06x1_c8S9So7frGVlb7NMIaqR3lV2Zuka7ynPHbvwQOHE0AKj_y3xmiF9wijSPF9M9SYGFxKiO2Z2VYRlPddzxHnlA4GGiG5lDhNM6yYACJg8QGaFWbm-xlx_sH-D7BMBsCaRiWywGe0hXQuwvE',
    q: 'wDPkRGW23qPKAi3YaKdr-GOmg_4ankHrlf2SmuJu2zTVOLZBCGKZ1hs0TINpFTdF-eBYYHN3m20DHxnxyh_0c3CjSiend4dTRLxYu0CeyAqb4SgU_4YHvwglPCU08AkpkhrVKiCphKyeq3NMcsZyje_WTWmba_jhjCLcbEVGmbs',
    dp: 'Za8MHy3CUzkAxL1pknisKDESAOpFfdt4oLFWmS7kJ-QfXMaGWd8DDrCc6KyEN-gXU5FFRpbL6YAwcISqUhOEQdlnGWdHSVpLCP73yP48j9a6Szu-DAHN5-TnSJqVi6fJPoVn-kxMdUJcvDSjt4TD17uxKk95btsxyXxoGVbhdoE',
    dq: 'pEn23WwgIzDX1IMBj3tEdD4hsIN8lzf7uurT7OaOIXuIooBPGG7H1lbMnnZZVVQ40T0t7cvlOgq1d1lC7yXfWum1-gXpROd8iq2AHxc-YfmHgq8zO7OCXY0F3uJi3KbITOX4vZjLreerfRwCBb2RX7fZc7RIsMM9b_7AcR_KGE8',
    qi: '6DuFkACHD6mlQg79YSgozpl_jNY8aOhFJSLX9vHLAXODdYmsXeqADLUc5VeFDOf3AmA9ekItwQugNUIKSHrZlfS-G86u7p7yqOVJFU4XzZOHHDZ9FCH-mkbkSdQnwHmEc7-xcmktLDccZ35fJbxxv34IjKmO52kP6WP7WDf5IYI',
  },
  'c-ed': {
    kty: 'OKP',
    use: 'sig',
    crv: 'Ed25519',
    d: 'Jf_fihZLxVMV9ykY0GansiLYlOvQK9r2iphTJ_hDxvM',
    x: 'KWUWACjrEid88hv5KZ2KxROm4podgzVM6xIMI0RYjQU',
  },
  'd-es-1': {
    kty: 'EC',
    kid: 'twin',
    alg: 'ES256',
    use: 'sig',
    x: 'IkVifPHX4QgNKIGP6K7wzzVjNs8D9Cou_-kJOSirkMU',
    y: 'xSMGeSbuY7n7IqVhgcYEY68e4NTGJ9Ayet4s4s9hDpI',
    crv: 'P-256',
    d: 'Jc9zuHlTZ8gMFO4520gPB-Uh3ID3giK31meHjPHPSp8',
  },
  'd-es-2': {
    kty: 'EC',
    kid: 'twin',
    alg: 'ES256',
    use: 'sig',
    x: '25KTLioSszVuibTexpTzTTqm95L-h8bC34FH6geveBU',
    y: '19mXo5xZZN9F8F_acz0IMvJCmFKgyslMOV43b2axkAM',
    crv: 'P-256',
    d: 'w5qWCfVisyDIlVuZXDl51eWhoOAGzUKPoul1mgvJVXw',
  },
  stranger: {
    kty: 'EC',
    kid: 'es',
    alg: 'ES256',
    use: 'sig',
    x: 'UjXpVbD7tB82ikne8zpmkOVb92uuF1-XCw_TW4apYpk',
    y: 'iJzTCNsYUZyPJ0WWUcE88_1ANy8sGYH01U5t2NIywaE',
    crv: 'P-256',
    d: '1OQ9EmOhsLB8wzRProNUyHeG7QYYDHjafm9UY_31uao',
  },
} as const satisfies Record<string, JWK>

export type KeyName = keyof typeof TEST_KEYS

/** What an issuer publishes of a key. */
export function publicJwk(name: KeyName): JWK {
  const { kty, crv, kid, alg, use, n, e, x, y }: JWK = TEST_KEYS[name]
  return JSON.parse(JSON.stringify({ kty, crv, kid, alg, use, n, e, x, y })) as JWK
}
