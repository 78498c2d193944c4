package oauth

import (
	"context"
	"net/http"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

func (s *server) register(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, fault{status: http.StatusNotFound, code: "not_found"})
}

// SaveClient .
func (s *server) SaveClient(context.Context, *goidc.Client) error { return goidc.ErrNotFound }

// DeleteClient .
func (s *server) DeleteClient(context.Context, string) error { return goidc.ErrNotFound }
