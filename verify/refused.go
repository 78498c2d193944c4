package verify

import (
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

// Of what a caller sent no more than this is kept, in bytes.
const (
	maxPath   = 500
	maxMethod = 20
)

// refused is a refused call, until it is written. What it rests on it keeps as it was:
// entries don't change.
type refused struct {
	k  call
	d  keyporter.Decision
	at time.Time
	Request
}

// newRefused copies what is kept of a call: the strings of a request keep all of its
// headers in memory, and the secret is among them. The login name becomes text here, because
// the cause quotes it.
func newRefused(k *call, d *Decision) refused {
	kept := call{match: k.match, presented: k.presented, route: k.route, version: k.version, entry: k.entry, named: k.named, now: k.now, fault: k.fault}
	kept.login = single{value: strings.Clone(text(cut(k.login.value, keyporter.MaxLoginLen))), ok: k.login.ok}
	return refused{k: kept, d: d.Decision, at: k.now, Request: Request{
		Method: strings.Clone(cut(k.req.Method, maxMethod)), Path: strings.Clone(cut(k.req.Path, maxPath)),
		Agent: strings.Clone(cut(k.req.Agent, maxAgent)), ClientIP: strings.Clone(k.req.ClientIP), RequestID: k.req.RequestID,
	}}
}

// keep keeps a refused call until it is written.
func (m *meter) keep(call refused) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = latest(append(m.refused, call))
}

// keepAgain takes back calls that couldn't be written, which are older than those that came meanwhile.
func (m *meter) keepAgain(calls []refused) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = latest(append(calls, m.refused...))
}

func latest(calls []refused) []refused {
	return slices.Delete(calls, 0, max(0, len(calls)-keyporter.RefusalLimit))
}

// row is the call as it is written.
func (r *refused) row(credential keyporter.ID) keyporter.RefusedCall {
	failed := keyporter.Rule(slices.Index(r.d.Outcomes[:], keyporter.Failed))
	cause, _ := (&story{call: &r.k}).cause(failed, r.d.Reason)
	return keyporter.RefusedCall{
		RequestID: r.RequestID, At: r.at, OrganizationID: r.k.entry.OrganizationID, CredentialID: credential, Reason: r.d.Reason, Cause: cause,
		Method: text(r.Method), Path: text(r.Path), Version: versionText(r.k.route.api, r.k.version),
		LoginName: r.k.login.value, Address: r.ClientIP, Agent: text(r.Agent),
	}
}
