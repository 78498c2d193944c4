package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keyporter/keyporter"
)

// Introspection describes a credential (RFC 7662 §2.2). For a credential that doesn't work, only
// Reason and Message are set; for one that was never issued, nothing is.
type Introspection struct {
	Active       bool
	ID           string // of the credential (jti)
	Kind         string // user_token, organization_token, access_token, or app_token
	Subject      string // ID of the user it acts for, or of an app that acts for itself; empty for an organization token without a login name
	Username     string // the user's login name
	Organization string // ID
	App          string // client_id, with an access token or app token
	Connection   string // ID of the user's consent, with an access token
	Scopes       []string
	Audience     []string  // the resources it is for (RFC 8707); empty: all
	Actor        string    // with an organization token: ID of its owner, who acts for Subject (RFC 8693 §4.1)
	KeyHash      string    // thumbprint of the key it is bound to (RFC 9449 §6.2); empty: none
	IssuedAt     time.Time // zero: unknown
	ExpiresAt    time.Time // zero: never

	Reason  string // why it isn't active, such as token.disabled; only if the secret is valid
	Message string // the same as a sentence

	requestID  string    // of the question
	answeredAt time.Time // by Keyporter's clock; zero: unknown
}

// localExpiry returns when an active credential expires by this machine's clock, or zero for never.
// That clock may be wrong, so it counts the time the credential had left by Keyporter's clock from
// when the question was asked.
func (i *Introspection) localExpiry(asked time.Time) time.Time {
	if i.ExpiresAt.IsZero() || i.answeredAt.IsZero() {
		return i.ExpiresAt
	}
	return asked.Add(i.ExpiresAt.Sub(i.answeredAt) - time.Second) // both are in whole seconds
}

// Query is a question about a credential.
type Query struct {
	Token string `json:"token"`
	Login string `json:"login,omitempty"` // the login name that came with it; organization tokens need one
}

// wireQuery is a Query as Keyporter reads it.
type wireQuery struct {
	Query

	API string `json:"api"`
}

// wire is an Introspection as Keyporter writes it.
type wire struct {
	Active       bool     `json:"active"`
	ID           string   `json:"jti"`
	Kind         string   `json:"keyporter_kind"`
	Subject      string   `json:"sub"`
	Username     string   `json:"username"`
	Organization string   `json:"keyporter_organization"`
	App          string   `json:"client_id"`
	Connection   string   `json:"keyporter_connection"`
	Scope        string   `json:"scope"`
	Audience     []string `json:"aud"`
	Act          struct {
		Subject string `json:"sub"`
	} `json:"act"`
	Confirmation struct {
		KeyHash string `json:"jkt"`
	} `json:"cnf"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
	Reason    string `json:"keyporter_reason"`
	Message   string `json:"keyporter_message"`
}

func (w wire) introspection() Introspection {
	i := Introspection{
		Active: w.Active, ID: w.ID, Kind: w.Kind, Subject: w.Subject, Username: w.Username, Organization: w.Organization, App: w.App,
		Connection: w.Connection, Audience: w.Audience, Actor: w.Act.Subject, KeyHash: w.Confirmation.KeyHash,
		Reason: w.Reason, Message: w.Message,
	}
	if w.Scope != "" {
		i.Scopes = strings.Split(w.Scope, " ")
	}
	if w.IssuedAt != 0 {
		i.IssuedAt = time.Unix(w.IssuedAt, 0)
	}
	if w.ExpiresAt != 0 {
		i.ExpiresAt = time.Unix(w.ExpiresAt, 0)
	}
	return i
}

const (
	pathIntrospect = "/oauth2/introspect"
	pathBatch      = pathIntrospect + "/batch"
	pathChanges    = pathIntrospect + "/changes"
	pathUses       = pathIntrospect + "/uses"

	maxBatch  = 500     // rows in a request; Keyporter accepts twice as many, but no more than 1 MiB
	maxAnswer = 4 << 20 // bytes to read of an answer
)

// ErrUnavailable is wrapped by every error that means that Keyporter can't be reached or can't answer.
var ErrUnavailable = errors.New("keyporter can't be reached")

// Introspect asks Keyporter what a credential is, and whether it works right now with this API.
// login is the login name that came with it, or "" if there was none. Introspect never answers from
// memory, and doesn't count as a call. Its errors wrap ErrUnavailable.
func (c *Client) Introspect(ctx context.Context, token, login string) (Introspection, error) {
	return c.introspect(ctx, url.Values{"token": {token}, "login": {login}})
}

func (c *Client) introspect(ctx context.Context, form url.Values) (Introspection, error) {
	form.Set("api", c.cfg.API)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var out wire
	header, err := c.post(ctx, pathIntrospect, "application/x-www-form-urlencoded", []byte(form.Encode()), &out)
	i := out.introspection()
	i.requestID = header.Get(keyporter.HeaderRequestID)
	i.answeredAt, _ = http.ParseTime(header.Get("Date"))
	return i, err
}

// introspectCall asks about the credential of a call. If the credential doesn't work, Keyporter
// counts the call and can explain the refusal later.
func (c *Client) introspectCall(r *http.Request, p *keyporter.Presented, version int) (Introspection, error) {
	form := url.Values{
		"token": {p.Secret}, "login": {cleanText(p.Login, maxLogin)}, "method": {cleanText(r.Method, maxMethod)}, "path": {cleanText(calledPath(r), maxPath)},
		"agent": {cleanText(r.UserAgent(), maxAgent)}, "address": {cleanText(c.cfg.ClientIP(r), maxAddress)}, "version": {strconv.Itoa(version)},
	}
	if p.DPoP {
		proof := "none" // invalid, as a missing proof and two of them are
		if proofs := keyporter.CredentialHeadersOf(r.Header)[keyporter.HeaderDPoP]; len(proofs) == 1 && proofs[0] != "" {
			proof = cleanText(proofs[0], maxProof)
		}
		form.Set("dpop", proof)
	}
	return c.introspect(r.Context(), form)
}

// calledPath returns the path the client sent, even if a handler such as http.StripPrefix has
// changed r.URL since.
func calledPath(r *http.Request) string {
	uri, _, _ := strings.Cut(r.RequestURI, "?")
	if strings.HasPrefix(uri, "/") {
		return uri
	}
	_, rest, _ := strings.Cut(uri, "://") // RFC 9112 §3.2.2
	if _, path, ok := strings.Cut(rest, "/"); ok {
		return "/" + path
	}
	return r.URL.EscapedPath()
}

// IntrospectAll asks about many credentials, 500 per request. Answers come in the order of
// queries. If any request fails, it returns no answers, and an error that wraps ErrUnavailable.
func (c *Client) IntrospectAll(ctx context.Context, queries []Query) ([]Introspection, error) {
	all := make([]Introspection, 0, len(queries))
	for len(queries) > 0 {
		n := min(len(queries), maxBatch)
		rows := make([]wireQuery, n)
		for i, q := range queries[:n] {
			rows[i] = wireQuery{q, c.cfg.API}
		}
		var out struct {
			Tokens []wire `json:"tokens"`
		}
		in, cancel := context.WithTimeout(ctx, askTimeout)
		err := c.postJSON(in, pathBatch, map[string][]wireQuery{"tokens": rows}, &out)
		if cancel(); err != nil {
			return nil, err
		}
		if len(out.Tokens) != n {
			return nil, fmt.Errorf("%w: %d answers to %d questions", ErrUnavailable, len(out.Tokens), n)
		}
		for _, w := range out.Tokens {
			all = append(all, w.introspection())
		}
		queries = queries[n:]
	}
	return all, nil
}

func (c *Client) postJSON(ctx context.Context, path string, in, out any) error {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false) // it would make some names six times longer
	if err := e.Encode(in); err != nil {
		return err
	}
	_, err := c.post(ctx, path, "application/json", body.Bytes(), out)
	return err
}

// post sends body, reads the answer into out unless that is nil, and returns the answer's headers.
func (c *Client) post(ctx context.Context, path, contentType string, body []byte, out any) (http.Header, error) {
	r, err := c.request(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	if out != nil {
		r.Header["Idempotency-Key"] = nil // not sent; lets http.Transport retry, since questions are idempotent
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, unavailable(err)
	}
	defer res.Body.Close()
	if err := statusError(res); err != nil || out == nil {
		return nil, err
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(out); err != nil {
		return nil, unavailable(err)
	}
	return res.Header, nil
}

func (c *Client) request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.cfg.Address+path, body)
	if err != nil {
		return nil, unavailable(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.cfg.Secret)
	return r, nil
}

// statusError returns an error unless the status is 200 or 204. It never includes the body, which
// may come from another server.
func statusError(res *http.Response) error {
	switch res.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		return nil
	case http.StatusUnauthorized:
		return fmt.Errorf("%w: it doesn't know the secret of this gateway", ErrUnavailable)
	case http.StatusBadRequest:
		return fmt.Errorf("%w: it rejects the question; this gateway must be configured for the API it names", ErrUnavailable)
	}
	return fmt.Errorf("%w: it answers %d", ErrUnavailable, res.StatusCode)
}

// unavailable wraps err without the URL, because people may see the error.
func unavailable(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
