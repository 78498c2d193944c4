package verify

import (
	"slices"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/usage"
)

// count reports a decision about a call with a known credential.
func (c *Checker) count(k *call, d *Decision) {
	m := &k.entry.meter
	if !k.entry.kept {
		m = c.usage.SharedMeter(m.Of)
	}
	call := usage.Call{At: k.now, Agent: k.req.Agent, Address: k.req.ClientIP, API: k.route.api.Name, Version: k.version}
	if k.named != nil {
		call.ActedFor = k.named.Login
	}
	if !d.Allowed {
		call.Refusal = refusal(k, d)
	}
	c.usage.Count(m, &call)
}

// refusal returns what is kept of a refused call. Its cause quotes the login name, which is
// cut because it can be of any length.
func refusal(k *call, d *Decision) *usage.Refusal {
	quoted := *k
	quoted.login.value = k.login.value[:min(len(k.login.value), keyporter.MaxLoginLen)]
	failed := keyporter.Rule(slices.Index(d.Outcomes[:], keyporter.Failed))
	cause, _ := (&story{call: &quoted}).cause(failed, d.Reason)
	return &usage.Refusal{
		RequestID: k.req.RequestID, Reason: d.Reason, Cause: cause,
		Method: k.req.Method, Path: k.req.Path, LoginName: quoted.login.value,
	}
}

// meterOf returns the meter of a credential. Access tokens come and go, so their calls are
// counted under their connection, or under the app if there is none.
func meterOf(e *entry) usage.Meter {
	of := usage.Credential{ID: e.TokenID, OrganizationID: e.OrganizationID, Kind: e.Kind}
	if a := e.Access; a != nil {
		if of.ID = a.ConnectionID; of.ID == "" {
			of.ID = a.AppID
		}
	}
	return usage.Meter{Of: of}
}
