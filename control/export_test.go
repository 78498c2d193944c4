package control

import "context"

// Shrink makes of an uploaded file what is kept.
func Shrink(ctx context.Context, file []byte) ([]byte, error) {
	return New(nil, Options{}).shrink(ctx, file)
}
