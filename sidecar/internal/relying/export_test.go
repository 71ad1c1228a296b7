package relying

// Waiting is how many log-out tokens wait to be worked on.
func Waiting(rp *Party) int {
	rp.late.mu.Lock()
	defer rp.late.mu.Unlock()
	return len(rp.late.list)
}
