package control

import "context"

// Shrink converts an uploaded file to the image that is kept.
func Shrink(ctx context.Context, file []byte) ([]byte, error) {
	return New(nil, Options{}).shrink(ctx, file)
}

// OccupyHashing takes the place of every password hash that could run at the same time.
func OccupyHashing(c *Control) {
	for range cap(c.hashes) {
		c.hashes <- struct{}{}
	}
}

// ReadsHash reports whether a password can be compared with a hash, and what that would take.
func ReadsHash(hash string) (cost PasswordCost, ok bool) {
	h, ok := parseHash(hash)
	return h.PasswordCost, ok
}
