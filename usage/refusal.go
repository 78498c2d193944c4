package usage

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
)

// keep keeps a refused call until it is written. It copies what it keeps: the strings of a
// request keep all of its headers in memory, including the secret.
func (m *Meter) keep(call *Call) {
	r := call.Refusal
	kept := keyporter.RefusedCall{
		ID: keyporter.NewID(call.At), RequestID: r.RequestID, At: call.At, OrganizationID: m.Of.OrganizationID, CredentialID: m.Of.ID, Reason: r.Reason, Cause: text(r.Cause),
		Method: clean(r.Method, maxMethod), Path: clean(r.Path, maxPath), Version: versionText(call.API, call.Version),
		LoginName: clean(r.LoginName, keyporter.MaxLoginLen), Address: clean(call.Address, maxAddress), Agent: clean(call.Agent, maxAgent),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refused = append(m.refused, kept)
	m.refused = slices.Delete(m.refused, 0, max(0, len(m.refused)-keyporter.RefusalLimit))
	m.kept++
}

// clean returns a copy of what is kept of a string from a request.
func clean(s string, n int) string { return strings.Clone(text(cut(s, n))) }

// RefusalsOf returns the most recent refused calls with a credential, latest first.
func (u *Usage) RefusalsOf(ctx context.Context, credential keyporter.ID) ([]keyporter.RefusedCall, error) {
	defer u.moving.read(ctx)()
	stored, err := u.db.RefusalsOf(ctx, credential)
	return latest(u.refused(func(c Credential) bool { return c.ID == credential }), stored), err
}

// RefusalList selects refused calls, latest first.
type RefusalList struct {
	store.RefusalList
	Unwritten []keyporter.ID // credentials whose calls in memory are in the list
	ByOwner   []keyporter.ID // those of them that match by their owners' login names
}

// Unwritten returns the credentials of an organization with refused calls in memory.
func (u *Usage) Unwritten(organization keyporter.ID) (ids []keyporter.ID) {
	for _, r := range u.refused(func(c Credential) bool { return c.OrganizationID == organization }) {
		ids = append(ids, r.CredentialID)
	}
	return ids
}

// Refusals returns a page of a list of refused calls, and how many there are. That counts calls in memory, and what is
// deleted for them once they are written.
func (u *Usage) Refusals(ctx context.Context, l RefusalList, p store.Page) ([]keyporter.RefusedCall, int, error) {
	defer u.moving.read(ctx)()
	var all []keyporter.RefusedCall
	n, err := u.db.CountListedRefusals(ctx, l.RefusalList)
	if err == nil && n > 0 { // otherwise, the search in vain isn't made twice
		all, err = u.db.Refusals(ctx, l.RefusalList, p)
	}
	if err != nil {
		return nil, 0, err
	}
	for _, r := range u.refused(func(c Credential) bool { return slices.Contains(l.Unwritten, c.ID) }) {
		if !l.Has(r, slices.Contains(l.ByOwner, r.CredentialID)) {
			continue
		}
		if n++; p.From == nil || p.Backward == (r.ID > p.From.ID) && r.ID != p.From.ID {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b keyporter.RefusedCall) int { return cmp.Compare(b.ID, a.ID) })
	if p.Backward {
		return all[max(0, len(all)-p.Limit):], n, nil
	}
	return all[:min(len(all), p.Limit)], n, nil
}

// RefusalByRequestID returns the refused call with this request ID.
func (u *Usage) RefusalByRequestID(ctx context.Context, id string) (keyporter.RefusedCall, error) {
	defer u.moving.read(ctx)()
	stored, err := u.db.RefusalByRequestID(ctx, id)
	if keyporter.KindOf(err) != keyporter.NotFound {
		return stored, err
	}
	for _, r := range u.refused(func(Credential) bool { return true }) {
		if r.RequestID == id {
			return r, nil
		}
	}
	return stored, err
}

// refused returns the refused calls in memory with the matching credentials, as they will
// read once written, latest first.
func (u *Usage) refused(of func(Credential) bool) (all []keyporter.RefusedCall) {
	for _, t := range u.look(of) {
		all = append(all, t.refused...)
	}
	slices.SortStableFunc(all, func(a, b keyporter.RefusedCall) int { return b.At.Compare(a.At) })
	for i := range all {
		all[i].At = all[i].At.Truncate(time.Millisecond).UTC()
	}
	return all
}

// latest returns the latest of the calls in memory and in the database.
func latest(memory, stored []keyporter.RefusedCall) []keyporter.RefusedCall {
	all := append(memory, stored...)
	slices.SortStableFunc(all, func(a, b keyporter.RefusedCall) int { return b.At.Compare(a.At) })
	return all[:min(len(all), keyporter.RefusalLimit)]
}
