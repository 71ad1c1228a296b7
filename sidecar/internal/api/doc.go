// Package api owns what the JSON APIs of Schleuse share: the way a request is
// taken (method, path, Content-Type, strict JSON, limits), the way a failure
// is told (RFC 9457), bearer tokens of the realm (RFC 6750), waiting (long
// poll, server-sent events). It must not know what any operation does, nor
// pages: no browser uses these APIs.
package api
