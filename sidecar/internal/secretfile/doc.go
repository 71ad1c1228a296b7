// Package secretfile reads a secret from a file: the only form in which a
// configuration names one. It must not know what the secret is for.
package secretfile
