package sqlite

// Waiting returns how many transactions wait for their turn.
func (d *Database) Waiting() int {
	d.group.mu.Lock()
	defer d.group.mu.Unlock()
	return len(d.group.queue)
}
