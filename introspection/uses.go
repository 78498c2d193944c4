package introspection

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/usage"
	"github.com/keyporter/keyporter/web"
)

// maxCalls is how many calls one row may report.
const maxCalls = 1_000_000_000

// use is a row of calls that a gateway decided about by itself.
type use struct {
	Credential keyporter.ID `json:"credential"`
	Connection keyporter.ID `json:"connection"` // with an access token that acts for a user
	App        keyporter.ID `json:"app"`        // with an access token
	Login      string       `json:"login"`      // of the user an organization token acted for
	Agent      string       `json:"agent"`
	Address    string       `json:"address"`
	API        string       `json:"api"`
	Version    int          `json:"version"`
	LastAt     time.Time    `json:"last_at"`
	Allowed    int          `json:"allowed"`
	Refused    int          `json:"refused"`
}

// uses counts calls that Keyporter never saw, because a gateway decided about them from what it
// kept. These counts show people what uses a token.
func (s *server) uses(w http.ResponseWriter, r *http.Request, g *Gateway) error {
	var in struct {
		Uses rows[use] `json:"uses"`
	}
	if err := readJSON(w, r, maxBatchBytes, &in); err != nil {
		return err
	}
	if in.Uses == nil || len(in.Uses) > maxBatch {
		return web.Invalid(fmt.Sprintf("uses must be a list of up to %d.", maxBatch))
	}
	all := make([]usage.Report, 0, len(in.Uses))
	for i, u := range in.Uses {
		out, err := s.useOf(g, u)
		if err != nil {
			return web.Invalid(fmt.Sprintf("uses[%d]: %s", i, err))
		}
		all = append(all, out)
	}
	if err := s.Usage.Record(r.Context(), all); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// useOf reads a row, or returns what is wrong with it. A gateway reports only calls to its own APIs.
func (s *server) useOf(g *Gateway, u use) (usage.Report, error) {
	api := s.apiOf(g, u.API)
	switch {
	case api == nil:
		return usage.Report{}, errors.New(noAPI(u.API))
	case u.Credential == "":
		return usage.Report{}, fmt.Errorf("credential is missing")
	case u.Allowed < 0 || u.Refused < 0 || u.Allowed > maxCalls || u.Refused > maxCalls:
		return usage.Report{}, fmt.Errorf("allowed and refused must be 0 to %d", maxCalls)
	case u.Version < 0 || u.Version > maxVersion:
		return usage.Report{}, fmt.Errorf("version must be 0 to %d", maxVersion)
	}
	counted := u.Credential
	switch {
	case u.Connection != "":
		counted = u.Connection
	case u.App != "":
		counted = u.App
	}
	return usage.Report{
		Credential: counted, ActedFor: u.Login, Agent: u.Agent, Address: u.Address, API: api.Name, Version: u.Version,
		LastAt: u.LastAt, Allowed: u.Allowed, Refused: u.Refused,
	}, nil
}

// maxVersion is the last version that an API can have.
const maxVersion = 999
