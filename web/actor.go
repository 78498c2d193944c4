package web

import (
	"net/http"

	"github.com/keyporter/keyporter"
)

// Nobody is the actor of a request before it is authenticated.
func Nobody(r *http.Request, p Proxies) keyporter.Actor {
	return keyporter.Actor{Address: p.ClientAddr(r), Agent: r.UserAgent(), RequestID: RequestID(r.Context())}
}
