package verify

// Refills returns how often the Checker has begun to read every hash again.
func (c *Checker) Refills() int {
	c.known.mu.Lock()
	defer c.known.mu.Unlock()
	return c.known.epoch
}
