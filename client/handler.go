package client

import (
	"net/http"
	"slices"
	"time"

	"github.com/keyporter/keyporter"
)

// Rules are what a handler asks of a call. The zero value takes user tokens and access
// tokens with any scopes.
type Rules struct {
	// Scope is what an access token must have. Other credentials have no scopes and aren't asked. Empty: any will do.
	Scope string
	// Credentials are the kinds that are taken: user_token, organization_token, access_token, app_token. None: user_token and access_token.
	Credentials []string
	// Version is that of the API, for counts, and for organization tokens, which work on 1 to 5 only. Zero: none.
	Version int
}

// maxOrganizationTokenVersion is the last version on which organization tokens work.
const maxOrganizationTokenVersion = 5

// Handler returns a handler that lets calls through to next when Keyporter, and rules,
// permit them, and refuses the others. next gets them as an API behind Keyporter's gateway
// does: without the credential, and with the headers X-Keyporter-User, -Login,
// -Organization, -Credential, -Credential-Kind, -App, -Scopes and -Actor, whatever the
// client sent under these names. CallerOf has the same.
//
// The credential is read from ApiToken, OrganizationKey with UserLoginName, or
// Authorization: Bearer. A token that is bound to a key (RFC 9449) comes as Authorization:
// DPoP, with a proof, and Keyporter is asked about each such call: only there it is known
// whether the proof was shown before.
func (c *Client) Handler(rules Rules, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, refused := c.check(r, &rules)
		if refused != nil {
			c.refuse(w, r, *refused)
			return
		}
		next.ServeHTTP(w, passedOn(r, d))
	})
}

// Check decides about a call, for who has no use for a Handler: it returns who calls, or
// why they may not. The headers of r are left as they are, credential and forged ones too.
func (c *Client) Check(r *http.Request, rules Rules) (Caller, *Refusal) {
	d, refused := c.check(r, &rules)
	if refused != nil {
		return Caller{}, refused
	}
	return d.caller, nil
}

// check decides about a call, and counts it.
func (c *Client) check(r *http.Request, rules *Rules) (*decision, *Refusal) {
	headers := keyporter.CredentialHeadersOf(r.Header)
	p := headers.Read()
	if refused := unreadable(p); refused != nil {
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

// agentOf is r.UserAgent, which makes the name of the header canonical on each call.
func agentOf(r *http.Request) string {
	if agents := r.Header["User-Agent"]; len(agents) > 0 {
		return agents[0]
	}
	return ""
}

// unreadable tells what is wrong with what a call carries, without asking.
func unreadable(p keyporter.Presented) *Refusal {
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

// decide says what a secret opens, out of memory if that can be trusted, else by asking.
func (c *Client) decide(r *http.Request, rules *Rules, k key, p *keyporter.Presented, now time.Time) (*decision, *Refusal) {
	silent, ever := c.memory.silentFor(now)
	if ever && silent < c.cfg.Silence && !p.DPoP {
		if d := c.memory.get(k, now); d != nil {
			return d, nil
		}
	}
	if !keyporter.IsSecret(p.Secret) { // a typing error needs no question
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
	if r.Context().Err() == nil { // else it is the caller who didn't wait
		c.complain(err, now)
	}
	return nil, refusal(keyporter.ReasonUnavailable)
}

// complain logs, at most once a second, that calls are refused because Keyporter can't be asked.
func (c *Client) complain(err error, now time.Time) {
	last := c.complained.Load()
	if now.Unix() > last && c.complained.CompareAndSwap(last, now.Unix()) {
		c.log.Error("calls are refused because Keyporter can't be reached", "error", err)
	}
}

// ask asks Keyporter, and keeps what it says if that can be kept true.
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

// refusalOf is what the caller is told about a credential that isn't active. A Keyporter
// that is newer than this package may have reasons that it doesn't know.
func refusalOf(i *Introspection) *Refusal {
	f := refusal(keyporter.Reason(i.Reason))
	switch {
	case i.Reason == "":
		return refusal(keyporter.ReasonUnknown)
	case f.Status == http.StatusServiceUnavailable && f.Reason != string(keyporter.ReasonUnavailable):
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

// refuse tells why a credential that works isn't taken here, nil if it is. One that is bound
// to a key was proven if it was shown as such.
func (rules *Rules) refuse(d *decision, proven bool) *Refusal {
	switch {
	case d.KeyHash != "" && !proven:
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
