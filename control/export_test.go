package control

import "context"

// Shrink converts an uploaded file to the image that is kept.
func Shrink(ctx context.Context, file []byte) ([]byte, error) {
	return New(nil, Options{}).shrink(ctx, file)
}

// OccupyHashing takes the place of every password hash that could run at the same time, until free is
// called.
func OccupyHashing(c *Control) (free func()) {
	for range cap(c.hashes.running) {
		c.hashes.running <- struct{}{}
	}
	return func() {
		for range cap(c.hashes.running) {
			<-c.hashes.running
		}
	}
}

// WaitingHashes is how many hashes wait for their turn.
func WaitingHashes(c *Control) (n int) {
	c.hashes.mu.Lock()
	defer c.hashes.mu.Unlock()
	for _, of := range c.hashes.waiting {
		n += of
	}
	return n
}

// CrowdHashing lets no more strangers wait for a hash until free is called. Those who wait already keep
// their places.
func CrowdHashing(c *Control) (free func()) {
	c.hashes.mu.Lock()
	defer c.hashes.mu.Unlock()
	c.hashes.strangers += maxWaiting
	return func() {
		c.hashes.mu.Lock()
		defer c.hashes.mu.Unlock()
		c.hashes.strangers -= maxWaiting
	}
}

// ReadsHash reports whether a password can be compared with a hash, and what that would take.
func ReadsHash(hash string) (cost PasswordCost, ok bool) {
	h, ok := parseHash(hash)
	return h.PasswordCost, ok
}
