package oauth

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control/grants"
	"github.com/keyporter/keyporter/web"
)

const pushedPrefix = "urn:ietf:params:oauth:request_uri:"

// authorize takes a request of an app, which a browser brings (RFC 6749 §4.1.1). App and
// address come first: until both are known for sure, a fault is shown here.
func (s *server) authorize(w http.ResponseWriter, r *http.Request) {
	in, err := authorizeParams(w, r)
	if err != nil {
		s.page(w, r, asFault(err))
		return
	}
	in, err = checked(in)
	f := flowOf(r.Context())
	app, ok := s.knownApp(w, r, in.Get("client_id"))
	if !ok {
		return
	}
	if strings.HasPrefix(in.Get("request_uri"), pushedPrefix) {
		s.authorizePushed(w, r, in, app)
		return
	}
	if !registered(&app, in.Get("redirect_uri")) {
		s.page(w, r, invalid("redirect_uri is missing, appears twice, or doesn't exactly match an address the app is registered with."))
		return
	}
	f.redirectURI, f.state, f.formPost = in.Get("redirect_uri"), in.Get("state"), in.Get("response_mode") == "form_post"
	if err == nil {
		in, err = s.judge(r.Context(), in, &app)
	}
	if err != nil {
		s.refuse(w, r, asFault(err), f.state)
		return
	}
	s.ask(w, r, pathAuthorize, in)
}

func authorizeParams(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	switch r.Method {
	case http.MethodGet:
		in, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, invalid("The address can't be read.")
		}
		return in, nil
	case http.MethodPost:
		return readForm(w, r)
	default:
		return nil, invalid("This address accepts only GET and POST.")
	}
}

// knownApp returns the app, or answers that there is no such app that works.
func (s *server) knownApp(w http.ResponseWriter, r *http.Request, id string) (keyporter.App, bool) {
	app, err := s.app(r.Context(), id)
	f := fault{code: invalidClient}
	switch {
	case id == "":
		f.description = "client_id is missing or appears twice."
	case keyporter.KindOf(err) == keyporter.NotFound:
		f.description = "There is no app with this client_id."
	case err != nil:
		f = s.unforeseen(flowOf(r.Context()), err)
	case app.State == keyporter.AppQuarantined:
		f.description = "This app registered itself and hasn't been approved yet."
	case app.State != keyporter.AppActive:
		f.description = "This app is switched off."
	default:
		return app, true
	}
	s.page(w, r, f)
	return app, false
}

// authorizePushed takes a request that the app pushed before. Nothing else in the address
// counts: it could come from anybody (RFC 9126 §4).
func (s *server) authorizePushed(w http.ResponseWriter, r *http.Request, in url.Values, app keyporter.App) {
	a, err := s.Grants.PushedAuthorization(r.Context(), app.ID, strings.TrimPrefix(in.Get("request_uri"), pushedPrefix))
	f := flowOf(r.Context())
	if err == nil {
		err = f.resume(a)
	}
	if err != nil || !registered(&app, f.redirectURI) {
		s.page(w, r, s.endedFault(f, err))
		return
	}
	s.ask(w, r, pathAuthorize, url.Values{"client_id": in["client_id"], "request_uri": in["request_uri"]})
}

// resume goes on with a request after its user was asked.
func (s *server) resume(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, pathAuthorize+"/")
	f := flowOf(r.Context())
	a, err := s.Grants.Authorization(r.Context(), id, web.Authorize(r, s.Proxies))
	if err == nil {
		err = f.resume(a)
	}
	switch {
	case err != nil:
		s.page(w, r, s.endedFault(f, err))
	case r.Method != http.MethodGet:
		s.page(w, r, invalid("This address accepts only GET."))
	case a.Asked.Device:
		http.Redirect(w, r, "/connect/"+id, http.StatusSeeOther)
	default:
		app, ok := s.knownApp(w, r, string(a.AppID))
		if ok && !registered(&app, f.redirectURI) { // it was taken off the app while the user was asked
			s.page(w, r, s.endedFault(f, nil))
			return
		}
		if ok {
			s.ask(w, r, pathAuthorize+"/"+url.PathEscape(id), url.Values{})
		}
	}
}

// endedFault says that a request has ended, unless something else is wrong.
func (s *server) endedFault(f *flow, err error) fault {
	if err == nil || keyporter.KindOf(err) == keyporter.NotFound {
		return invalid("This request has ended. Go back to the app and start again.")
	}
	return s.unforeseen(f, err)
}

// resume takes a request up again.
func (f *flow) resume(a grants.Authorization) error {
	st, err := readState(a.State)
	if err != nil {
		return err
	}
	st.Session.ExpiresAt = farAhead() // Control has judged that, by its clock
	f.kept, f.session, f.asked = &a, st.Session, a.Asked
	f.redirectURI, f.state, f.formPost, f.silent = st.Session.RedirectURI, st.Session.State, st.FormPost, st.Silent
	return nil
}

// ask has the library judge a request and carries out what comes of it.
func (s *server) ask(w http.ResponseWriter, r *http.Request, path string, params url.Values) {
	f := flowOf(r.Context())
	f.browser = web.Authorize(r, s.Proxies)
	if len(f.browser) != len(rand.Text())*2 {
		f.browser = random(r.Context())
	}
	actor, err := s.Control.Session(r.Context(), web.Nobody(r, s.Proxies), web.Session(r, s.Proxies))
	if err == nil {
		f.actor = actor
	} else if keyporter.KindOf(err) != keyporter.Unauthorized {
		s.refuse(w, r, s.unforeseen(f, err), f.state)
		return
	}
	r2 := withParams(r, http.MethodGet, params)
	r2.URL.Path, r2.URL.RawPath = path, ""
	rec := newRecorder()
	s.library.ServeHTTP(rec, r2)
	switch to, err := url.Parse(rec.header.Get("Location")); {
	case f.err != nil || f.fault != nil:
		s.refuse(w, r, s.faultOf(f), f.state)
	case f.next != "":
		web.SetAuthorize(w, r, s.Proxies, f.browser)
		http.Redirect(w, r, f.next, http.StatusSeeOther)
	case err == nil && to.Query().Get("code") != "":
		params := map[string]string{"code": to.Query().Get("code")}
		if f.state != "" {
			params["state"] = f.state
		}
		s.back(w, r, params)
	default:
		s.refuse(w, r, fault{code: serverError, description: "Request " + f.requestID + "."}, f.state)
	}
}

// asFault is an error of ours as a fault. All errors of what judges requests are.
func asFault(err error) fault {
	f, ok := err.(fault) //nolint:errorlint // they aren't wrapped
	if !ok {
		return fault{status: http.StatusInternalServerError, code: serverError}
	}
	return f
}

func has(list string, word string) bool { return slices.Contains(strings.Fields(list), word) }
