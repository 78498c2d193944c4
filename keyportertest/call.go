package keyportertest

import (
	"context"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/verify"
)

// Call is a call to an API behind the node.
type Call struct {
	Token keyporter.Secret
	Login string // of the user an organization token acts for; empty: Token is a user token
	Agent string
	Path  string // empty: a path of version 5, which accepts both kinds
}

// Allows reports whether the node allows a call.
func (n *Node) Allows(c Call) bool {
	req := verify.Request{Method: "GET", Host: "localhost", Path: c.Path, Agent: c.Agent, ClientIP: "192.0.2.7"}
	if req.Path == "" {
		req.Path = "/Api/v5/envelopes"
	}
	if c.Login != "" {
		req.OrganizationKey, req.UserLoginName = []string{c.Token.Reveal()}, []string{c.Login}
	} else {
		req.APIToken = []string{c.Token.Reveal()}
	}
	return n.Checker.Check(context.Background(), &req).Allowed
}
