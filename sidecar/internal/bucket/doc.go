// Package bucket owns limits by time of what each of many may do: so much at
// once, so much a second in the long run. It must not know what is limited nor
// what happens to whom it refuses.
package bucket
