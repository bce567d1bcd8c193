export {
  metadataHandler,
  protect,
  type FetchHandler,
  type Protected,
  type ProtectedHandler,
  type ProtectOptions,
  type ResourceServerSource,
} from '../frameworks/fetch.ts'
