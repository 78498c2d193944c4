package console

import (
	"html/template"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/keyporter/keyporter"
)

// onceField is the hidden field that tells a form from all others. A double click sends it twice: the form makes one secret, and both
// answers lead to it. A form that is sent again with other values is another form.
const onceField = "once"

// once returns the hidden field for a form that makes a secret.
func once() template.HTML {
	return template.HTML(`<input type="hidden" name="` + onceField + `" value="` + string(keyporter.NewID(time.Now())) + `">`) //nolint:gosec // our own text
}

const (
	onceFor = 2 * time.Minute // how long the copies of a form get its answer
	maxSent = 10_000          // forms whose answers are kept
)

// sentForms are the forms that were sent to this node lately, by session and content.
type sentForms struct {
	mu  sync.Mutex
	all map[keyporter.SecretHash]*sentForm
}

// sentForm is a form and where its answer leads. The cookies have the secret sealed, as the browser gets it.
type sentForm struct {
	at       time.Time
	answered chan struct{}
	location string // empty: it made nothing
	cookies  []string
}

// enter returns the form with this key, and whether it is new. If there are too many, it returns nil.
func (s *sentForms) enter(key keyporter.SecretHash, now time.Time) (f *sentForm, isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.all, func(_ keyporter.SecretHash, f *sentForm) bool { return now.Sub(f.at) > onceFor })
	if f = s.all[key]; f != nil || len(s.all) >= maxSent {
		return f, false
	}
	if s.all == nil {
		s.all = map[keyporter.SecretHash]*sentForm{}
	}
	f = &sentForm{at: now, answered: make(chan struct{})}
	s.all[key] = f
	return f, true
}

// leave says what a new form led to. One that made nothing can be sent again.
func (s *sentForms) leave(key keyporter.SecretHash, f *sentForm, h http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.location, f.cookies = h.Get("Location"), h.Values("Set-Cookie"); f.location == "" {
		delete(s.all, key)
	}
	close(f.answered)
}

// onceOnly returns a page that answers the copies of a form, if it has the field, like the form.
func (c *console) onceOnly(p page) page {
	return func(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
		if r.Method != http.MethodPost || r.PostFormValue(onceField) == "" || wantsFragment(r) {
			return p(w, r, actor)
		}
		key := keyporter.HashSecret(c.inSession(r, r.URL.RequestURI()+"?"+r.PostForm.Encode()))
		f, isNew := c.sent.enter(key, c.Now())
		if isNew {
			defer func() { c.sent.leave(key, f, w.Header()) }()
			return p(w, r, actor)
		}
		if f != nil {
			select {
			case <-f.answered:
			case <-r.Context().Done():
				return r.Context().Err()
			}
		}
		if f == nil || f.location == "" {
			return p(w, r, actor)
		}
		for _, cookie := range f.cookies {
			w.Header().Add("Set-Cookie", cookie)
		}
		return redirect(f.location)(w, r)
	}
}
