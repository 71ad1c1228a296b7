// Package visitor is a browser without a screen: it keeps cookies, follows
// redirects by hand, reads and submits forms, and shows each answer as it was.
//
// Go's own cookie jar would not do: Keycloak marks its cookies Secure on plain
// http too, and browsers send them back there because *.localhost is a secure
// context. The package knows OpenID Connect's client side as far as tests need
// it, and nothing of Schleuse.
package visitor
