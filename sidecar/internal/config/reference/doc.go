// Package reference makes the reference of the configuration from its structs
// and their comments: config/README.md and config/schleuse.schema.json. It
// must not know more of a key than its struct says.
package reference
