package control

import "context"

// Shrink converts an uploaded file to the image that is kept.
func Shrink(ctx context.Context, file []byte) ([]byte, error) {
	return New(nil, Options{}).shrink(ctx, file)
}
