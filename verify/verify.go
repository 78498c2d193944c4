// Package verify decides about every call: who is calling, whether they may, and if not, why
// not.
//
// It owns how credentials and paths are read, the order of the rules, and the cache of
// what the rules ask about. It reports each decision to package usage, which counts calls.
// It knows nothing of HTTP servers: gateways fill in a Request and render the Decision. While
// it decides, it writes nothing except which DPoP proofs were used.
package verify

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/store"
	"github.com/keyporter/keyporter/usage"
)

// Checker checks calls. It is safe for concurrent use.
type Checker struct {
	db      *store.DB
	apis    []*API
	notes   []string // about the APIs
	soap    bool     // one of them is a SOAP API
	now     func() time.Time
	log     *slog.Logger
	cache   *cache
	known   *known
	usage   *usage.Usage
	watches watches

	lookups atomic.Int64
}

// Options configure a Checker. The zero value works.
type Options struct {
	APIs []API
	// Address is where Keyporter is: scheme, host, and port. With hosts, an API has the same address with
	// those. Empty: unknown.
	Address string
	// Now is the clock by which tokens expire; nil means time.Now.
	Now func() time.Time
	Log *slog.Logger
	// Usage counts the calls; nil creates one, whose counts are never written.
	Usage *usage.Usage
	// CacheSize is how many credentials are kept in memory, about 1 KB each; 0 means 100,000.
	CacheSize int
}

// New returns a Checker that follows db. Call Run to keep its set of known secrets complete. The
// error says what is wrong with the APIs.
func New(db *store.DB, o Options) (*Checker, error) {
	apis, notes, err := compile(o.APIs)
	if err != nil {
		return nil, err
	}
	for _, a := range apis {
		a.origins = a.originsAt(o.Address)
	}
	c := &Checker{db: db, apis: apis, notes: notes, now: o.Now, log: o.Log, usage: o.Usage}
	c.soap = slices.ContainsFunc(apis, func(a *API) bool { return slices.ContainsFunc(a.Routes, func(r Route) bool { return r.SOAP }) })
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.usage == nil {
		c.usage = usage.New(db, c.now)
	}
	if o.CacheSize == 0 {
		o.CacheSize = 100_000
	}
	c.cache = newCache(o.CacheSize)
	c.known = newKnown()
	db.Follow(c)
	return c, nil
}

// APIs returns the configured APIs.
func (c *Checker) APIs() []*API { return c.apis }

// Notes returns a sentence about each pair of routes that is allowed but may not be meant.
func (c *Checker) Notes() []string { return c.notes }

// Lookups returns how many times the database was asked for a credential or a named user
// because it wasn't in memory.
func (c *Checker) Lookups() int64 { return c.lookups.Load() }

// Request is a call as a gateway saw it. Nothing in it has been checked or normalized yet.
type Request struct {
	Method string
	Host   string // with or without port
	Path   string // as sent, percent-encoded, without query

	// The values of the headers that can carry a credential.
	APIToken        []string
	Authorization   []string
	OrganizationKey []string
	UserLoginName   []string

	DPoP []string // of the header with the proof (RFC 9449)

	ClientIP  string
	Agent     string // User-Agent
	RequestID string // that the caller can quote when asking about the answer

	PassedOn bool // if the call is allowed, the door passes it on and says how the API answered, see Decision.Answered
}

// Decision is the answer to a Request.
type Decision struct {
	keyporter.Decision
	Route   *Route // that the path belongs to, or seems to with ReasonBadPath; it may be nil with that, and is with ReasonNoRoute
	Version int    // of the API, 0 if the path has none

	identity []Header
	dpop     bool
	pending  usage.Pending
}

// Answered says with which status the API answered a call that the door passed on.
func (d *Decision) Answered(status int) { d.pending.Answered(status) }

// DPoP reports whether the credential was, or has to be, sent with the DPoP scheme (RFC 9449).
func (d *Decision) DPoP() bool { return d.dpop }

// Identity returns the headers that tell the API who is calling; none on a public path or if
// the call is refused. They are shared: don't change them.
func (d *Decision) Identity() []Header { return d.identity }

// Check decides about a call. It never fails open: if the database can't be read, the reason
// is ReasonUnavailable.
func (c *Checker) Check(ctx context.Context, req *Request) (d Decision) {
	k := call{req: *req, now: c.now()}
	c.decide(ctx, &k, &d)
	if k.entry != nil {
		c.count(&k, &d)
	}
	return d
}

func (c *Checker) decide(ctx context.Context, k *call, d *Decision) {
	k.readHeaders()
	d.dpop = k.dpop
	c.place(k, d)
	if d.Route != nil && d.Route.Public && k.match == keyporter.Allowed {
		d.Outcomes[keyporter.RulePath] = keyporter.Passed
		d.Allowed = true
		return
	}
	if !d.ask(k, 0, keyporter.RuleKnown) {
		return
	}
	var err error
	if k.entry, err = c.entryOf(ctx, k.secret); err != nil {
		c.unavailable(d, keyporter.RuleKnown, err)
		return
	}
	c.decideKnown(ctx, k, d)
}

// decideKnown continues once the secret has been looked up.
func (c *Checker) decideKnown(ctx context.Context, k *call, d *Decision) {
	if k.entry != nil {
		d.Principal = &k.entry.principal
		d.dpop = d.dpop || k.entry.keyHash() != ""
		if err := c.prove(ctx, k); err != nil {
			c.unavailable(d, keyporter.RuleProof, err)
			return
		}
	}
	if !d.ask(k, keyporter.RuleKnown, keyporter.RuleNamedUser) {
		return
	}
	identity := k.entry.identity
	if k.ofOrganization() {
		var err error
		if k.named, err = c.namedBy(ctx, k.entry, k.login.value); err != nil {
			c.unavailable(d, keyporter.RuleNamedUser, err)
			return
		}
		if k.named != nil {
			d.Principal, identity = &k.named.principal, k.named.identity
		}
	}
	if d.ask(k, keyporter.RuleNamedUser, keyporter.Rule(keyporter.NumRules)) {
		d.Allowed, d.identity = true, identity
	}
}

// ask asks the rules from first up to end, and reports whether all of them passed.
func (d *Decision) ask(k *call, first, end keyporter.Rule) bool {
	for r := first; r < end; r++ {
		switch reason := k.ask(r); reason {
		case keyporter.Allowed:
			d.Outcomes[r] = keyporter.Passed
		case notApplicable:
		default:
			d.refuse(r, reason)
			return false
		}
	}
	return true
}

// unavailable refuses because the database can't be read: without it, nothing is allowed.
func (c *Checker) unavailable(d *Decision, r keyporter.Rule, err error) {
	c.log.Error("can't look up a credential", "error", err)
	d.refuse(r, keyporter.ReasonUnavailable)
}

func (d *Decision) refuse(r keyporter.Rule, reason keyporter.Reason) {
	d.Outcomes[r] = keyporter.Failed
	d.Reason = reason
}

// entryOf returns the entry of the secret's credential, or nil if there is none. While this
// node doesn't hear of changes on others, it asks the database each time.
func (c *Checker) entryOf(ctx context.Context, secret string) (*entry, error) {
	hash := keyporter.HashSecret(secret)
	hears := c.db.Hears()
	if hears {
		if e := c.cache.get(hash); e != nil {
			return e, nil
		}
		if c.known.lacks(hash) {
			return nil, nil //nolint:nilnil // an unknown secret isn't an error
		}
	}
	for _, access := range tables(secret) {
		found, err := c.lookUp(ctx, access, []keyporter.SecretHash{hash}, hears)
		if err != nil || found[hash] != nil {
			return found[hash], err
		}
	}
	return nil, nil //nolint:nilnil // as above
}

// tables returns where a secret can be: true among access tokens, false among API tokens. A JWT may be
// an API token that was imported.
func tables(secret string) []bool {
	kind, ok := keyporter.ParseSecret(secret)
	switch {
	case ok:
		return []bool{kind == keyporter.SecretAccessToken}
	case keyporter.IsAccessToken(secret):
		return []bool{true, false}
	default:
		return []bool{false}
	}
}

// lookUp returns the entries of the credentials with these hashes, as far as there are any. They
// are either all access tokens or all API tokens. It keeps the entries if this node heard of
// changes when it was called.
func (c *Checker) lookUp(ctx context.Context, access bool, hashes []keyporter.SecretHash, heard bool) (map[keyporter.SecretHash]*entry, error) {
	// By this number, the cache rejects an answer that a change overtook.
	generation := c.cache.generation()
	c.lookups.Add(1)
	// Callers must not pile up behind a database that doesn't answer.
	ctx, cancel := context.WithTimeout(ctx, store.Silence)
	defer cancel()
	find := c.db.CredentialsByHash
	if access {
		find = c.db.AccessByHash
	}
	credentials, err := find(ctx, hashes)
	if err != nil {
		return nil, err
	}
	found := make(map[keyporter.SecretHash]*entry, len(credentials))
	for hash, credential := range credentials {
		found[hash] = newEntry(hash, credential)
		if heard {
			found[hash] = c.cache.put(generation, found[hash])
		}
	}
	return found, nil
}

// count reports a decision about a call with a known credential.
func (c *Checker) count(k *call, d *Decision) {
	m := &k.entry.meter
	if !k.entry.kept {
		m = c.usage.SharedMeter(m.Of)
	}
	call := usage.Call{
		At: k.now, Agent: k.req.Agent, Address: k.req.ClientIP, API: k.route.api.Name, Version: k.version,
		Method: k.route.counted(k.req.Method), Route: k.route.Path, Waits: k.req.PassedOn,
	}
	if k.named != nil {
		call.ActedFor = k.named.Login
	}
	if !d.Allowed {
		call.Refusal = refusal(k, d)
	}
	d.pending = c.usage.Count(m, &call)
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
