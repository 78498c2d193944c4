package control

import (
	"context"
	"net/netip"
)

// PublicOnly tells addresses that webhooks may be at.
func PublicOnly(a netip.Addr) bool { return publicOnly(a) }

// Shrink makes of an uploaded file what is kept.
func Shrink(ctx context.Context, file []byte) ([]byte, error) {
	return New(nil, Options{}).shrink(ctx, file)
}
