// Package errorlog is where net/http writes its own messages. They can quote
// what somebody sent, and they are text where the log has one JSON object a
// line.
package errorlog
