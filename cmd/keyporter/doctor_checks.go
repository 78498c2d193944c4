package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
)

// examination is one check of the proxy.
type examination struct {
	name  string
	echo  bool // needs to see what the API receives
	first bool // without it, the others prove nothing
	look  func(context.Context) ([]fault, error)
}

func (d *doctor) examinations() []examination {
	return []examination{
		{name: "the call needs a token", first: true, look: d.open},
		{name: "a valid token gets through", first: true, look: d.goodToken},
		{name: "without a valid token, the call is refused, and the client sees the refusal", look: d.refusals},
		{name: "no other spelling of the path is open, nor any other method", look: d.paths},
		{name: "the client can't fake the path of the call", look: d.forgedPath},
		{name: "the client can't fake the API of the call", look: d.forgedHost},
		{name: "no answer goes to the sender of another call", look: d.cache},
		{name: "the API learns who is calling, from Keyporter only", echo: true, look: d.forgedIdentity},
		{name: "the API gets no credential", echo: true, look: d.credentials},
		{name: "the API can't mistake one call for another, and no tunnel opens to it", echo: true, look: d.misleading},
	}
}

func (d *doctor) withToken() string { return "ApiToken: " + d.token }

// open calls without a token. Whatever gets through then says nothing about Keyporter.
func (d *doctor) open(ctx context.Context) ([]fault, error) {
	a, got, err := d.through(ctx, http.MethodGet, d.path)
	d.bare.reply, d.bare.got = a, got
	switch {
	case err != nil:
		return nil, err
	case a.wantsTLS:
		return []fault{{"This port speaks HTTPS.", "Use https://."}}, nil
	case d.echo == nil && a.redirects():
		return []fault{{fmt.Sprintf("A call without a token gets %s.", a), "If the proxy redirects, use the address that it redirects to. If the API does, anyone can call this path without a token: --echo shows which."}}, nil
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return nil, nil
	case !d.letThrough(a, got):
		return nil, unchecked("a call without one gets " + a.String())
	}
	return []fault{{"Anyone can call this path without a token.", "The proxy doesn't ask Keyporter, or the path is public: choose a guarded path."}}, nil
}

func (d *doctor) goodToken(ctx context.Context) ([]fault, error) {
	a, got, err := d.through(ctx, http.MethodGet, d.path, d.withToken())
	switch {
	case err != nil:
		return nil, err
	case a.problem.RequestID != "":
		return []fault{{fmt.Sprintf("A call with the token is refused (%d): %s", a.status, a.problem.Detail), fixFor(a)}}, nil
	case got == nil && a.redirects():
		return []fault{{fmt.Sprintf("A call with the token gets %s.", a), "If the proxy redirects, use the address that it redirects to. If the API does, choose a path that answers 200."}}, nil
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		return []fault{{fmt.Sprintf("A call with the token gets %s.", a), "Try another token or another path."}}, nil
	case a.status >= http.StatusInternalServerError:
		return []fault{d.serverError(a.status)}, nil
	case d.echo == nil && a.status >= http.StatusBadRequest:
		return []fault{{fmt.Sprintf("The API answers %d.", a.status), "Choose a path that answers 200, so that it shows which calls get through. Or add --echo."}}, nil
	case d.echo != nil && got == nil:
		return []fault{{"A call with the token doesn't reach the address of --echo.", "Use the address where the proxy expects the API."}}, nil
	case d.echo != nil && got.Header.Get("X-Keyporter-User") == "" && got.Header.Get("X-Keyporter-App") == "":
		return []fault{{"The API doesn't learn who is calling: X-Keyporter-User is missing.", "Make the proxy pass on the headers of Keyporter's answer, as each example does."}}, nil
	}
	return nil, nil
}

// serverError says whether the question to Keyporter failed or the API did: without a token, the API isn't called.
func (d *doctor) serverError(status int) fault {
	f := fault{fmt.Sprintf("A call with the token gets %d.", status), "The proxy can't reach Keyporter. Look at the proxy's error log."}
	if byKeyporter(d.bare.reply) {
		f = fault{fmt.Sprintf("A call with the token gets %d: the proxy reaches Keyporter, but not the API, or the API fails.", status), "Start the API, or check the address to which the proxy passes calls (its upstream)."}
		if d.echo != nil {
			f.fix = "Use --echo with the address to which the proxy passes calls (its upstream)."
		}
	}
	return f
}

// fixFor says what helps if Keyporter refuses the call that it should allow.
func fixFor(a reply) string {
	switch a.problem.Code {
	case "": // the problem isn't the call, but the question
		return "Make the proxy ask the way the example does: from an address in trusted_proxies, with the method and path of the call."
	case string(keyporter.ReasonNoRoute):
		return "Choose a path that is on a route in Keyporter's configuration, or add the route."
	case string(keyporter.ReasonUnknown): // it belongs to nobody, so it isn't kept
		return "Try another token."
	}
	return "Try another token or another path. Wait ten seconds, then run `keyporter explain --request " + a.problem.RequestID + "`: it says which rule it was."
}

func (d *doctor) refusals(ctx context.Context) ([]fault, error) {
	faults := d.refusal("no token", d.bare.reply, d.bare.got)
	for what, header := range map[string]string{
		"a token with a typo": d.withToken() + "x", "a made-up token": "Authorization: Bearer " + keyporter.NewSecret(keyporter.SecretUserToken).Reveal(),
	} {
		a, got, err := d.through(ctx, http.MethodGet, d.path, header)
		if err != nil {
			return nil, err
		}
		faults = append(faults, d.refusal(what, a, got)...)
	}
	return faults, nil
}

// refusal says what is wrong with the answer to a call that Keyporter refuses.
func (d *doctor) refusal(what string, a reply, got *http.Request) (faults []fault) {
	if d.letThrough(a, got) {
		return []fault{{"A call with " + what + " reaches the API.", "The proxy must ask Keyporter about this path before it passes a call on, and treat every answer except 200 as a refusal."}}
	}
	if a.status >= http.StatusInternalServerError {
		return []fault{{fmt.Sprintf("A call with %s gets %d: the proxy mistakes Keyporter's refusal for an error.", what, a.status), "nginx must ask at /verify/nginx and have error_page 403 and 500, as in the example."}}
	}
	if a.status != http.StatusUnauthorized {
		faults = append(faults, fault{fmt.Sprintf("A call with %s gets %s, although Keyporter said 401.", what, a), "Make the proxy pass on the refusal's status."})
	}
	if a.header.Get("WWW-Authenticate") == "" {
		faults = append(faults, fault{"A refusal (" + what + ") comes without WWW-Authenticate, which tells clients what is needed.", "Make the proxy pass on that header."})
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		faults = append(faults, fault{"A refusal (" + what + ") has one of the proxy's pages in place of Keyporter's answer.", "Make the proxy pass on the refusal's body."})
	}
	return faults
}

// spellings returns other spellings of the path, and some that lead away from it and back.
func (d *doctor) spellings() []string {
	dir, last := d.path[:strings.LastIndexByte(d.path, '/')+1], d.path[strings.LastIndexByte(d.path, '/')+1:]
	return []string{
		strings.ToUpper(d.path), strings.ToLower(d.path), "/" + d.path, d.path + "/", d.path + "//", d.path + "/.", d.path + "%20", d.path + ";x", d.path + "?x=/../..",
		dir + "./" + last, dir + "%2e/" + last, dir + "x/../" + last, dir + "x/%2e%2e/" + last, dir + "x%2f..%2f" + last, "/x/.." + d.path, dir + "/" + last, "/%2f" + d.path[1:], d.path + "%00", d.path + ".",
	}
}

func (d *doctor) paths(ctx context.Context) (faults []fault, err error) {
	calls := [][2]string{}
	for _, path := range d.spellings() {
		calls = append(calls, [2]string{http.MethodGet, path})
	}
	for _, method := range []string{http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "FOO"} {
		calls = append(calls, [2]string{method, d.path})
	}
	for _, c := range calls {
		a, got, err := d.through(ctx, c[0], c[1])
		if err != nil {
			return nil, err
		}
		if d.letThrough(a, got) {
			faults = append(faults, fault{fmt.Sprintf("%s %s reaches the API without a token.", c[0], c[1]), "Make the proxy ask about every path and method, not just those that match a pattern. Configure public paths in Keyporter instead."})
		} else if d.echo == nil && !byKeyporter(a) && (c[1] == d.path && c[0] != "FOO" || a.redirects() && !normalizes(a)) {
			faults = append(faults, fault{fmt.Sprintf("Without a token, %s %s gets %s, and not from Keyporter. If that was the API, it is open.", c[0], c[1], a), "Make the proxy ask about every path and method. If the proxy itself answers this one, --echo shows it."})
		}
	}
	return faults, nil
}

// normalizes reports whether a response is one in which proxies and servers correct the spelling of a path.
func normalizes(a reply) bool {
	return a.status == http.StatusMovedPermanently || a.status == http.StatusPermanentRedirect
}

// byKeyporter reports whether a response answers a call that Keyporter was asked about.
func byKeyporter(a reply) bool {
	return a.header.Get("X-Keyporter-Request-Id") != "" || strings.Contains(a.header.Get("WWW-Authenticate"), `realm="keyporter"`)
}

// forgedPath sends headers that claim another path was called, which is on no route. A proxy or API
// that believes them answers differently than for the path itself.
func (d *doctor) forgedPath(ctx context.Context) (faults []fault, err error) {
	nowhere := "/doctor-" + strings.ToLower(rand.Text())
	for _, header := range []string{"X-Forwarded-Uri: " + nowhere, "X-Original-Uri: " + nowhere, "X-Original-Url: " + nowhere, "X-Forwarded-Host: doctor.invalid", "X-Forwarded-Method: FOO", "X-Original-Method: FOO"} {
		a, got, err := d.through(ctx, http.MethodGet, d.path, d.withToken(), header)
		if err != nil {
			return nil, err
		}
		if !d.letThrough(a, got) {
			name, _, _ := strings.Cut(header, ":")
			faults = append(faults, fault{fmt.Sprintf("The client's own %s reaches Keyporter, so the client can claim to call a path other than the real one. The call gets %s.", name, a), "Make the proxy set this header itself when it asks, or strip it."})
		}
	}
	return faults, nil
}

// forgedHost calls by a host name that no API has. If Keyporter gets that name, and knows APIs by
// their names, a client could have a call to this API checked as if it were for another.
func (d *doctor) forgedHost(ctx context.Context) ([]fault, error) {
	other := *d
	other.proxy.host = "doctor.invalid"
	a, _, err := other.through(ctx, http.MethodGet, d.path, d.withToken())
	if err != nil || a.problem.Code != string(keyporter.ReasonNoRoute) {
		return nil, ctx.Err() // some servers close the connection if they don't know the name
	}
	return []fault{{"The proxy accepts calls for any host name, and asks Keyporter under that name: a call under another API's name is checked against that API's routes, but reaches this one.", "Make the proxy accept calls only for its API's own names, or set the name itself when it asks."}}, nil
}

// cache sends calls in turn whose responses a cache could mix up.
func (d *doctor) cache(ctx context.Context) (faults []fault, err error) {
	bad := "ApiToken: " + keyporter.NewSecret(keyporter.SecretUserToken).Reveal()
	for range 2 {
		for _, c := range []struct {
			what    string
			headers []string
			allowed bool
		}{
			{"a valid token", []string{d.withToken()}, true},
			{"no token, after a valid one", nil, false},
			{"a made-up token, after a valid one", []string{bad}, false},
			{"a made-up token as Authorization, after a valid one", []string{"Authorization: Bearer " + bad[len("ApiToken: "):]}, false},
			{"a valid token with another user's login name", []string{d.withToken(), "UserLoginName: nobody@doctor.invalid"}, false},
			{"a valid token, after bad ones", []string{d.withToken()}, true},
		} {
			a, got, err := d.through(ctx, http.MethodGet, d.path, c.headers...)
			if err != nil {
				return nil, err
			}
			f := fault{fmt.Sprintf("The proxy answers %s with the answer to another call: %s.", c.what, a), "Its cache key must include every header that can carry a credential, the method, the host, and the path: see examples/nginx/keyporter-cached.conf."}
			if d.letThrough(a, got) != c.allowed && !slices.Contains(faults, f) {
				faults = append(faults, f)
			}
		}
	}
	return faults, nil
}

// forgedIdentity sends identity headers in every spelling. None may reach the API, and Keyporter's
// own must, whatever the client lists in Connection.
func (d *doctor) forgedIdentity(ctx context.Context) (faults []fault, err error) {
	mark := "doctor-" + strings.ToLower(rand.Text())
	for _, name := range []string{
		"X-Keyporter-User", "x-keyporter-login", "X-KEYPORTER-ORGANIZATION", "X-Keyporter-Credential", "X-Keyporter-Credential-Kind", "X-Keyporter-App", "X-Keyporter-Scopes", "X-Keyporter-Actor",
		"X_Keyporter_User", "X-Keyporter_Login", "X_KEYPORTER_ACTOR", "X.Keyporter.Scopes", "X-Keyporter-Request-Id",
	} {
		_, got, err := d.through(ctx, http.MethodGet, d.path, d.withToken(), name+": "+mark, name+": "+mark)
		if err != nil {
			return nil, err
		}
		if got != nil && carries(got, mark) {
			faults = append(faults, fault{"A client that sends " + name + " is believed: the header reaches the API as sent.", "Make the proxy strip or set every header that starts with X-Keyporter-, including those that Keyporter doesn't send this time."})
		}
	}
	a, got, err := d.through(ctx, http.MethodGet, d.path, d.withToken(), "Connection: close, X-Keyporter-User, X-Keyporter-Credential-Kind")
	if err == nil && a.status < http.StatusBadRequest && (got == nil || got.Header.Get("X-Keyporter-Credential-Kind") == "") {
		faults = append(faults, fault{"A client can remove the headers that say who is calling, by naming them in Connection.", "Make the proxy strip the headers named in Connection before it asks, or strip Connection."})
	}
	return faults, err
}

// misleading sends what some APIs take for a different method or path than the one that was
// checked, and asks to upgrade to a protocol in which nobody would check further calls.
func (d *doctor) misleading(ctx context.Context) (faults []fault, err error) {
	mark := "doctor-" + strings.ToLower(rand.Text())
	for _, name := range keyporter.OverrideHeaderNames() {
		_, got, err := d.through(ctx, http.MethodGet, d.path, d.withToken(), name+": "+mark)
		if err != nil {
			return nil, err
		}
		if got != nil && carries(got, mark) {
			faults = append(faults, fault{"The API gets " + name + ": some APIs treat it as the method or path of the call, but Keyporter checked another one.", "Make the proxy strip this header."})
		}
	}
	_, got, err := d.through(ctx, http.MethodGet, d.path, d.withToken(), "Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
	if err == nil && got != nil && got.Header.Get("Upgrade") != "" {
		faults = append(faults, fault{"The API is asked to switch to plaintext HTTP/2 (Upgrade: h2c). If it does, the client can send it more calls that nobody checks, and claim to be anyone in them.", "Make the proxy strip Upgrade, unless it is for a WebSocket."})
	}
	return faults, err
}

func carries(r *http.Request, mark string) bool {
	for _, values := range r.Header {
		if slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, mark) }) {
			return true
		}
	}
	return false
}

func (d *doctor) credentials(ctx context.Context) (faults []fault, err error) {
	for _, header := range []string{d.withToken(), "Authorization: Bearer " + d.token, "OrganizationKey: " + d.token} {
		_, got, err := d.through(ctx, http.MethodGet, d.path, header)
		if err != nil {
			return nil, err
		}
		if got != nil && carries(got, d.token) {
			name, _, _ := strings.Cut(header, ":")
			faults = append(faults, fault{"The API gets the token sent as " + name + ". Anyone who reads its log can use it.", "Have the proxy take " + name + " off once it has asked."})
		}
	}
	return faults, nil
}
