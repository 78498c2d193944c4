package keyportertest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// Visitor is a person with a browser without JavaScript: it follows redirects and refreshes, keeps
// cookies, and sends the forms it comes across. It knows nothing about Keyporter, so it can handle
// the pages of any provider.
type Visitor struct {
	// Fields has what the visitor types, by the names of fields.
	Fields map[string]string
	// Press lists the links and buttons to look for, by their text, or buttons by value or
	// formaction. In a form with none of them, the visitor presses the first button.
	Press []string
	// Ends lists texts of the pages where the visitor is done.
	Ends []string
	// Seen is called with each page the visitor sees, unless it is nil.
	Seen func(at *url.URL, body string)

	client *http.Client
}

// maxPages is how many pages the visitor opens for one task.
const maxPages = 25

// NewVisitor returns a visitor who signs in with the login and the password of every user. trust is
// the TLS configuration for servers; nil: the system's.
func NewVisitor(t testing.TB, login string, trust *tls.Config) *Visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: trust}
	t.Cleanup(transport.CloseIdleConnections)
	return &Visitor{
		Fields: map[string]string{"login": login, "password": Password},
		Press:  []string{"allow"},
		client: &http.Client{
			Jar: jar, Transport: transport, Timeout: 20 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Visit opens an address and continues until the visitor is done, or is sent to an address that
// begins with until, which isn't opened. What a form would have sent there is in its query.
func (v *Visitor) Visit(ctx context.Context, address, until string) (*url.URL, error) {
	next, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	seen := ""
	for range maxPages {
		if err != nil {
			return nil, err
		}
		at := next.URL
		if strings.HasPrefix(at.String(), until) {
			return at, nil
		}
		next, seen, err = v.open(next)
		if slices.ContainsFunc(v.Ends, func(end string) bool { return strings.Contains(seen, end) }) {
			return at, nil
		}
	}
	return nil, fmt.Errorf("%d pages, and no end: %s", maxPages, seen)
}

// open opens one page, and returns where it leads.
func (v *Visitor) open(req *http.Request) (next *http.Request, body string, err error) {
	res, err := v.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, "", err
	}
	ctx, at := req.Context(), req.URL
	if to, err := res.Location(); err == nil {
		next, err = http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
		return next, "", err
	}
	body = string(text)
	if v.Seen != nil {
		v.Seen(at, body)
	}
	p := readPage(body)
	pressed := slices.IndexFunc(p.links, func(l link) bool { return slices.Contains(v.Press, l.text) })
	switch {
	case pressed >= 0:
		next, err = get(ctx, at, p.links[pressed].to)
	case p.refresh != "":
		next, err = get(ctx, at, p.refresh)
	case len(p.forms) > 0:
		next, err = v.send(ctx, at, p.forms[len(p.forms)-1])
	default:
		err = fmt.Errorf("%s %s is a %s that leads nowhere: %s", req.Method, at, res.Status, body)
	}
	return next, body, err
}

func get(ctx context.Context, at *url.URL, ref string) (*http.Request, error) {
	to, err := at.Parse(ref)
	if err != nil {
		return nil, err
	}
	return http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
}

// send fills in a form and presses one of its buttons.
func (v *Visitor) send(ctx context.Context, at *url.URL, f form) (*http.Request, error) {
	values := url.Values{}
	for _, field := range f.fields {
		value, typed := v.Fields[field.name]
		if !typed {
			value = field.value
		}
		values.Add(field.name, value)
	}
	action := f.action
	if b, ok := v.button(f.buttons); ok {
		if b.name != "" {
			values.Set(b.name, b.value)
		}
		if b.action != "" {
			action = b.action
		}
	}
	to, err := at.Parse(action)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(f.method, http.MethodPost) || to.Host != at.Host {
		to.RawQuery = values.Encode()
		return http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return nil, errors.New("a form without an address")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", at.Scheme+"://"+at.Host)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return req, nil
}

func (v *Visitor) button(all []button) (button, bool) {
	for _, b := range all {
		if slices.ContainsFunc([]string{b.value, b.action, b.text}, func(s string) bool { return s != "" && slices.Contains(v.Press, s) }) {
			return b, true
		}
	}
	if len(all) == 0 {
		return button{}, false
	}
	return all[0], true
}
