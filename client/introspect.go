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

// Introspection is what a credential is (RFC 7662 §2.2). Of one that doesn't work only
// Reason and Message are there, and of one that was never issued nothing is.
type Introspection struct {
	Active       bool
	ID           string // of the credential (jti)
	Kind         string // user_token, organization_token, access_token or app_token
	Subject      string // ID of the user it acts for, or of the app that acts for itself; empty: see Actor
	Username     string // their login name
	Organization string // ID
	App          string // client_id, with an access token or app token
	Connection   string // ID of the user's consent, with an access token
	Scopes       []string
	Audience     []string  // resources that it is for (RFC 8707); none: all
	Actor        string    // with an organization token: ID of its owner, who acts for Subject (RFC 8693 §4.1)
	KeyHash      string    // thumbprint of the key that it is bound to (RFC 9449 §6.2); empty: none
	IssuedAt     time.Time // zero: not told
	ExpiresAt    time.Time // zero: never

	Reason  string // why it isn't active, if the secret is right, such as token.disabled
	Message string // the same as a sentence

	requestID string    // of the question
	at        time.Time // when it was answered, by Keyporter's clock; zero: not told
}

// ends is when an active credential that was asked about expires, by this machine's clock.
// That one may be wrong: what counts is how long the credential had left by Keyporter's.
func (i *Introspection) ends(asked time.Time) time.Time {
	if i.ExpiresAt.IsZero() || i.at.IsZero() {
		return i.ExpiresAt
	}
	return asked.Add(i.ExpiresAt.Sub(i.at) - time.Second) // both are told in whole seconds
}

// Query is a question about a credential.
type Query struct {
	Token string `json:"token"`
	Login string `json:"login,omitempty"` // the login name that came beside it; an organization token needs one
}

// wireQuery is a Query as Keyporter takes it.
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

	maxBatch  = 500     // rows of a request: Keyporter takes twice as many, but no more than 1 MiB
	maxAnswer = 4 << 20 // bytes of an answer that are read
)

// ErrUnavailable is what errors are when Keyporter can't be asked, or can't tell.
var ErrUnavailable = errors.New("keyporter can't be reached")

// Introspect asks what a credential is, and whether it works now and at this API. login
// is the login name that came beside it, empty if there was none. It always asks, and
// isn't counted as a call. An error is an ErrUnavailable, or ctx has ended.
func (c *Client) Introspect(ctx context.Context, token, login string) (Introspection, error) {
	return c.introspect(ctx, url.Values{"token": {token}, "login": {login}})
}

func (c *Client) introspect(ctx context.Context, form url.Values) (Introspection, error) {
	form.Set("api", c.cfg.API)
	var out wire
	header, err := c.post(ctx, pathIntrospect, "application/x-www-form-urlencoded", []byte(form.Encode()), &out)
	i := out.introspection()
	i.requestID = header.Get(keyporter.HeaderRequestID)
	i.at, _ = http.ParseTime(header.Get("Date"))
	return i, err
}

// introspectCall asks about the credential of a call. Keyporter counts the call if the
// credential doesn't work, and can tell later why it didn't.
func (c *Client) introspectCall(r *http.Request, p *keyporter.Presented, version int) (Introspection, error) {
	form := url.Values{
		"token": {p.Secret}, "login": {text(p.Login, maxLogin)}, "method": {text(r.Method, maxMethod)}, "path": {text(calledPath(r), maxPath)},
		"agent": {text(r.UserAgent(), maxAgent)}, "address": {text(c.cfg.ClientIP(r), maxAddress)}, "version": {strconv.Itoa(version)},
	}
	if p.DPoP {
		proof := "none" // nor are two
		if proofs := keyporter.CredentialHeadersOf(r.Header)[keyporter.HeaderDPoP]; len(proofs) == 1 && proofs[0] != "" {
			proof = text(proofs[0], maxProof)
		}
		form["dpop"], form["origin"] = []string{proof}, []string{text(c.cfg.Origin(r), maxOrigin)}
	}
	return c.introspect(r.Context(), form)
}

// calledPath is the path of a call as it was sent, whatever was made of it on the way to the handler.
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

// IntrospectAll asks about many credentials, by one request for each five hundred of them.
// The answers are in the order of the questions. When one of them can't be had, none is.
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
		if err := c.postJSON(ctx, pathBatch, map[string][]wireQuery{"tokens": rows}, &out); err != nil {
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
	e.SetEscapeHTML(false) // it would make some names six times as long
	if err := e.Encode(in); err != nil {
		return err
	}
	_, err := c.post(ctx, path, "application/json", body.Bytes(), out)
	return err
}

// post sends a body and reads the answer into out, unless that is nil. It returns the answer's header.
func (c *Client) post(ctx context.Context, path, contentType string, body []byte, out any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	r, err := c.request(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", contentType)
	if out != nil {
		r.Header["Idempotency-Key"] = nil // a question can be asked twice; it isn't sent, see http.Transport
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, unavailable(err)
	}
	defer res.Body.Close()
	if err := refusedUs(res); err != nil || out == nil {
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

// refusedUs tells what is wrong with an answer that isn't 200 or 204. Nothing that
// another server may have written is repeated.
func refusedUs(res *http.Response) error {
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

// unavailable keeps the address out of errors, which may be shown to people: it is the log's.
func unavailable(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
