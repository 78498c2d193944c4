package client

import (
	"net/http"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
)

// Rules are what a Handler requires of a call. The zero value accepts user tokens and access
// tokens with any scopes.
type Rules struct {
	// Scope is the scope that access tokens and app tokens must have. Other credentials have no
	// scopes and don't need it. If empty, no scope is needed.
	Scope string
	// Credentials are the kinds to accept: user_token, organization_token, access_token,
	// app_token. If empty, user_token and access_token are accepted.
	Credentials []string
	// Version is the version of the API, or zero if it has none. Calls are counted under it, and
	// organization tokens only work with versions 1 to 5.
	Version int
}

// maxOrganizationTokenVersion is the last API version that accepts organization tokens.
const maxOrganizationTokenVersion = 5

// Handler returns a handler that passes calls to next if both Keyporter and rules permit them, and
// refuses all others. next receives them like an API behind Keyporter's gateway: without the
// credential, and with the headers X-Keyporter-User, -Login, -Organization, -Credential,
// -Credential-Kind, -App, -Scopes, and -Actor. Any the client sent are removed. CallerOf returns
// the same information.
//
// The credential is read from ApiToken, OrganizationKey with UserLoginName, or
// Authorization: Bearer. A token that is bound to a key (RFC 9449) comes as Authorization:
// DPoP, with a proof. The Client asks Keyporter about each of these calls, because only Keyporter
// knows whether a proof has been used before.
func (c *Client) Handler(rules Rules, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, refused := c.check(r, &rules)
		if refused != nil {
			c.refuse(w, r, *refused)
			return
		}
		next.ServeHTTP(w, forAPI(r, d))
	})
}

// Check decides a call without a Handler. It returns either who is calling or why the call is
// refused. Check leaves the headers of r as they are: they still contain the credential, and any
// identity headers that the client forged.
func (c *Client) Check(r *http.Request, rules Rules) (Caller, *Refusal) {
	d, refused := c.check(r, &rules)
	if refused != nil {
		return Caller{}, refused
	}
	return d.caller, nil
}

// check decides a call and counts it.
func (c *Client) check(r *http.Request, rules *Rules) (*decision, *Refusal) {
	if keyporter.IsRefusedMethod(r.Method) {
		return nil, refusal(keyporter.ReasonMethod)
	}
	headers := keyporter.CredentialHeadersOf(r.Header)
	p := headers.Read()
	if refused := refusePresented(p); refused != nil {
		return nil, refused
	}
	now := time.Now()
	k := key{keyporter.HashSecret(p.Secret), p.Login}
	d, refused := c.decide(r, rules, k, &p, now)
	if refused != nil {
		refused.dpop = p.DPoP
		return nil, refused
	}
	refused = rules.refuse(d, p.DPoP)
	c.uses.count(k, d, use{agent: agentOf(r), address: c.cfg.ClientIP(r), version: rules.Version}, now, refused == nil)
	return d, refused
}

// agentOf is r.UserAgent without the cost of canonicalizing the header's name on each call.
func agentOf(r *http.Request) string {
	if agents := r.Header["User-Agent"]; len(agents) > 0 {
		return agents[0]
	}
	return ""
}

// refusePresented refuses calls that don't carry exactly one credential, without asking Keyporter.
func refusePresented(p keyporter.Presented) *Refusal {
	switch {
	case p.TwoSecrets:
		return refusal(keyporter.ReasonAmbiguous)
	case p.Secret == "":
		return refusal(keyporter.ReasonNoCredential)
	case p.TwoLogins:
		return refusal(keyporter.ReasonTwoLoginNames)
	}
	return nil
}

// decide returns the decision about a credential: from memory if that can be trusted, otherwise by
// asking Keyporter.
func (c *Client) decide(r *http.Request, rules *Rules, k key, p *keyporter.Presented, now time.Time) (*decision, *Refusal) {
	silent, ever := c.memory.silentFor(now)
	if ever && silent < c.cfg.Silence && !p.DPoP {
		if d := c.memory.get(k, now); d != nil {
			return d, nil
		}
	}
	if !keyporter.IsSecret(p.Secret) { // a typo; no need to ask
		return nil, refusal(keyporter.ReasonUnknown)
	}
	d, err := c.ask(r, rules, k, p, now)
	switch {
	case err == nil && d.Active:
		return d, nil
	case err == nil:
		return nil, refusalOf(&d.Introspection)
	case ever && silent < c.cfg.Grace && !p.DPoP:
		if d := c.memory.get(k, time.Now()); d != nil {
			return d, nil
		}
	}
	if r.Context().Err() == nil { // otherwise, the caller gave up, and there is no outage
		c.logOutage(err, now)
	}
	return nil, refusal(keyporter.ReasonUnavailable)
}

// logOutage logs, at most once a second, that calls are refused because Keyporter can't be reached.
func (c *Client) logOutage(err error, now time.Time) {
	last := c.outageLogged.Load()
	if now.Unix() > last && c.outageLogged.CompareAndSwap(last, now.Unix()) {
		c.log.Error("calls are refused because Keyporter can't be reached", "error", err)
	}
}

// ask asks Keyporter about a call's credential, and keeps the answer in memory if it is reusable.
func (c *Client) ask(r *http.Request, rules *Rules, k key, p *keyporter.Presented, now time.Time) (*decision, error) {
	i, err := c.introspectCall(r, p, rules.Version)
	if err != nil {
		return nil, err
	}
	d := newDecision(i, now)
	if i.Active && i.ID != "" && !p.DPoP {
		c.memory.put(k, d, now)
	}
	return d, nil
}

// refusalOf returns the refusal for a credential that isn't active.
func refusalOf(i *Introspection) *Refusal {
	f := refusal(keyporter.Reason(i.Reason))
	switch {
	case i.Reason == "":
		return refusal(keyporter.ReasonUnknown)
	case f.Status == http.StatusServiceUnavailable && f.Reason != string(keyporter.ReasonUnavailable):
		// A Keyporter newer than this package may send reasons that this package doesn't know.
		f = &Refusal{Status: http.StatusUnauthorized, Code: "invalid_token", Reason: i.Reason, Message: "The token doesn't work here."}
	}
	f.RequestID = i.requestID
	return f
}

func (rules *Rules) accepts(kind string) bool {
	if len(rules.Credentials) == 0 {
		return kind == userToken || kind == accessToken
	}
	return slices.Contains(rules.Credentials, kind)
}

// refuse returns why a credential that works isn't accepted here, or nil if it is. Keyporter has
// checked the proof of any credential that came with the scheme DPoP.
func (rules *Rules) refuse(d *decision, asDPoP bool) *Refusal {
	switch {
	case d.KeyHash != "" && !asDPoP:
		f := refusal(keyporter.ReasonBound)
		f.dpop = true
		return f
	case d.Kind == organizationToken && (rules.Version < 1 || rules.Version > maxOrganizationTokenVersion):
		return refusal(keyporter.ReasonVersion)
	case !rules.accepts(d.Kind):
		return refusal(keyporter.ReasonNotAccepted)
	case d.Kind == organizationToken && d.Subject == "":
		return refusal(keyporter.ReasonNoLoginName)
	case rules.Scope != "" && !d.caller.Has(rules.Scope):
		f := refusal(keyporter.ReasonScope)
		f.Scope = rules.Scope
		return f
	}
	return nil
}
