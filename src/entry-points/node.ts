export type { ForwardedField, TrustedProxies } from '../frameworks/forwarded.ts'
export {
  metadataHandler,
  protect,
  type NodeHandler,
  type ProtectedHandler,
  type ProtectOptions,
} from '../frameworks/node.ts'
