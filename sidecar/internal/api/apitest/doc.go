// Package apitest holds an API against its OpenAPI document, both ways: what
// the code has is documented, and what is documented the code has.
package apitest
