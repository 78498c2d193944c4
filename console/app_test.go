package console_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/keyportertest"
)

// dev creates a developer of Acme and signs them in.
func (s *site) dev(t *testing.T) (keyporter.User, *visitor) {
	t.Helper()
	u := keyportertest.User(t, s.Control, "Acme", "dev@acme.example", keyporter.RoleDeveloper)
	return u, s.signIn(t, u)
}

// appFields returns the fields of an app's form.
func appFields(name string, more ...string) []string {
	return append([]string{
		"name", name, "publisher", "Tagworks", "authentication", "secret", "redirect_uris", "https://app.example/cb\r\nhttps://app.example/other\r\n",
		"scope.envelope.read", "asks", "scope.envelope.send", "optional", "scope.template.read", "no",
	}, more...)
}

var appSecrets = regexp.MustCompile(`kpc_[0-9A-Za-z]{49}`)

func TestManagingAnAppWithoutJavaScript(t *testing.T) {
	keyportertest.EachDatabase(t, func(t *testing.T, database string) {
		s := newSiteOn(t, database)
		dev, v := s.dev(t)
		v.follow(v.get("/apps"), "/apps/new").want(t, 200, "Register an app", `value="Acme"`)
		a := v.post("/apps", appFields("DMS", "description", "<script>alert(1)</script>")...)
		a.wantRedirect(t, "/apps/")
		path, _, _ := strings.Cut(a.location, "?")
		page := v.get(a.location)
		page.want(t, 200, "the only time you see", "&lt;script&gt;alert(1)&lt;/script&gt;", path[len("/apps/"):], "https://app.example/cb\nhttps://app.example/other", "dev@acme.example")
		found, err := s.Control.ListApps(t.Context(), keyportertest.Session(dev), control.AppList{})
		all := found.Apps
		if err != nil || len(all) != 1 || all[0].OrganizationID != dev.OrganizationID || all[0].Verified ||
			!slices.Equal(all[0].Scopes, []keyporter.AppScope{{Name: "envelope.read"}, {Name: "envelope.send", Optional: true}}) {
			t.Fatalf("%+v, %v", all, err)
		}
		secret := appSecrets.FindString(page.body)
		if _, itsOwn, err := s.DB.AppWithSecret(t.Context(), all[0].ID, keyporter.HashSecret(secret)); err != nil || !itsOwn {
			t.Errorf("%q isn't a secret of the app, %v", secret, err)
		}
		v.get(path).wantNot(t, secret)
		v.submit(v.get(path+"/secrets/new"), path+"/secrets").wantRedirect(t, path+"?new=")
		v.get(path).wantNot(t, "/secrets/new")
		v.post(path+"/secrets").want(t, 409, "An app can have only two secrets")

		// Of two people who change it at the same time, the second sees what the first has changed.
		v.get(path).want(t, 200, `name="version" value="1"`)
		v.post(path, appFields("First", "version", "1")...).wantRedirect(t, path)
		v.post(path, appFields("Second", "version", "1")...).want(t, 409, "Someone else has changed this app in the meantime", `value="First"`)

		// Developers can't forge the fields that only operators have.
		v.post(path, appFields("Third", "version", "2", "verified", "1", "without_pkce", "1", "introspects", "1", "for", "instance")...).wantRedirect(t, path)
		if app, err := s.DB.AppByID(t.Context(), all[0].ID); err != nil || app.Name != "Third" || app.Verified || app.WithoutPKCE || app.Introspects || app.OrganizationID == "" {
			t.Errorf("%+v, %v", app, err)
		}
		v.submit(v.get(path+"/suspend"), path+"/suspend").wantRedirect(t, path+"?done=app-suspended")
		v.submit(v.get(path), path+"/resume").wantRedirect(t, path)
		v.submit(v.get(path+"/delete"), path+"/delete").wantRedirect(t, "/apps?done=deleted")
		v.get(path).want(t, 404)
	})
}

// TestTheKindOfAnAppDecidesTheRest registers one of each kind, and one that says for itself how it proves its identity.
func TestTheKindOfAnAppDecidesTheRest(t *testing.T) {
	s := newSite(t)
	dev, v := s.dev(t)
	register := func(name, kind string, more ...string) []string {
		return append([]string{"name", name, "publisher", "Tagworks", "kind", kind, "redirect_uris", "https://app.example/cb", "scope.envelope.read", "asks"}, more...)
	}
	for kind, want := range map[string]keyporter.App{
		"server":  {Authentication: keyporter.AppSecret},
		"browser": {Authentication: keyporter.AppPublic},
		"device":  {Authentication: keyporter.AppPublic, Device: true},
		"machine": {Authentication: keyporter.AppSecret, OwnTokens: true},
		"ghost":   {Authentication: keyporter.AppSecret},
	} {
		a := v.post("/apps", register(kind, kind)...)
		a.wantRedirect(t, "/apps/")
		if page := v.get(a.location); strings.Contains(page.body, "kpc_") != (want.Authentication == keyporter.AppSecret) {
			t.Errorf("the page of a %s app shows a secret or doesn't", kind)
		}
		found, err := s.Control.ListApps(t.Context(), keyportertest.Session(dev), control.AppList{})
		all := found.Apps
		if err != nil {
			t.Fatal(err)
		}
		if got := all[0]; got.Name != kind || got.Authentication != want.Authentication || got.Device != want.Device || got.OwnTokens != want.OwnTokens {
			t.Errorf("%s: %+v", kind, got)
		}
	}
	v.post("/apps", "name", "Bare machine", "publisher", "Tagworks", "kind", "machine", "scope.envelope.read", "asks").wantRedirect(t, "/apps/")
	v.post("/apps", "name", "Bare device", "publisher", "Tagworks", "kind", "device", "scope.envelope.read", "asks").wantRedirect(t, "/apps/")
	v.get(v.post("/apps", register("Explicit", "server", "authentication", "none")...).location).wantNot(t, "kpc_")
	v.get("/apps/new").want(t, 200, "What it is", "As usual for its kind", "Advanced")
}

// TestAppSecretsRequireAFreshSignIn uses a browser that someone left signed in.
func TestAppSecretsRequireAFreshSignIn(t *testing.T) {
	s := newSite(t)
	_, v := s.dev(t)
	a := v.post("/apps", appFields("DMS", "webhook", "https://app.example/hook")...)
	path, _, _ := strings.Cut(a.location, "?")
	s.Clock.Advance(keyporter.FreshFor)
	for _, what := range []string{"/secrets/new", "/webhook"} {
		v.get(path+what).wantRedirect(t, "/sign-in?again=1&next=")
		v.post(path+strings.TrimSuffix(what, "/new")).wantRedirect(t, "/sign-in?again=1&ended=1&next=%2Fapps%2F")
	}
	page := v.get(v.get(path + "/secrets/new").location)
	page.want(t, 200, "Confirm it’s you")
	v.submit(page, "/sign-in", "password", keyportertest.Password).wantRedirect(t, path+"/secrets/new")
	v.get(v.submit(v.get(path+"/secrets/new"), path+"/secrets").location).want(t, 200, "kpc_")
	v.get(v.submit(v.get(path+"/webhook"), path+"/webhook").location).want(t, 200, "whsec_", "the only time you see")
	v.get(path).wantNot(t, "whsec_")
}

// upload sends a file like a browser.
func (v *visitor) upload(t *testing.T, path, name string, file []byte) answer {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, err := m.CreateFormFile("image", name)
	if err == nil {
		_, err = part.Write(file)
	}
	if err != nil || m.Close() != nil {
		t.Fatal(err)
	}
	res, err := v.client.Post(v.site.url+path, m.FormDataContentType(), &b)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header.Get("Location"), "", string(body)}
}

func TestAnImageIsUploadedAndServed(t *testing.T) {
	s := newSite(t)
	_, v := s.dev(t)
	path, _, _ := strings.Cut(v.post("/apps", appFields("DMS")...).location, "?")
	v.get(path+"/image").want(t, 404)
	v.upload(t, path+"/image", "logo.svg", logo(t)).wantRedirect(t, path+"?done=image") // the file's name doesn't matter
	src := regexp.MustCompile(`/apps/[^"]*/image\?v=\d+`).FindString(v.get(path).body)
	for address, cache := range map[string]string{src: "private, max-age=31536000, immutable", path + "/image": "no-store", path + "/image?v=1": "no-store"} {
		res, err := v.client.Get(s.url + address)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		h := res.Header
		if res.StatusCode != http.StatusOK || h.Get("Content-Type") != "image/png" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") != "default-src 'none'; sandbox" ||
			h.Get("Cache-Control") != cache || h.Get("Cross-Origin-Resource-Policy") != "same-origin" || !bytes.HasPrefix(body, []byte("\x89PNG")) {
			t.Errorf("%s: %d %v", address, res.StatusCode, h)
		}
	}
	for file, words := range map[string]string{
		"":                                "Choose a picture",
		"<svg onload='alert(1)'/>":        "scripts",
		strings.Repeat("x", 1<<20):        "PNG, JPEG, GIF, or WebP",
		strings.Repeat("x", 1<<20+1):      "1 MiB",
		strings.Repeat("x", 1<<20+100000): "too large",
	} {
		v.upload(t, path+"/image", "logo.png", []byte(file)).want(t, 422, words)
	}
	v.submit(v.get(path), path+"/image/remove").wantRedirect(t, path)
	v.get(path+"/image").want(t, 404)
	_, ada := s.ada(t)
	ada.upload(t, path+"/image", "logo.png", logo(t)).want(t, 404)
}

// TestReadersOfAnAppCannotChangeIt has another developer of the organization try.
func TestReadersOfAnAppCannotChangeIt(t *testing.T) {
	s := newSite(t)
	_, v := s.dev(t)
	path, _, _ := strings.Cut(v.post("/apps", appFields("DMS")...).location, "?")
	other := s.signIn(t, keyportertest.User(t, s.Control, "Acme", "devi@acme.example", keyporter.RoleDeveloper))
	other.get("/apps").want(t, 200, path)
	page := other.get(path)
	page.want(t, 200, "You aren’t responsible for this app", "dev@acme.example", "https://app.example/cb")
	page.wantNot(t, `method="post" action="`+path, "/secrets/new", "/delete")
	for _, form := range []string{"", "/suspend", "/resume", "/delete", "/people", "/secrets", "/image/remove", "/webhook"} {
		other.post(path+form, appFields("DMS", "version", "1", "login", "devi@acme.example")...).want(t, 403, "Only those responsible")
	}
	for _, link := range []string{"/suspend", "/delete", "/secrets/new", "/webhook"} {
		other.get(path+link).want(t, 403)
	}
	// Once they are responsible for the app, they can.
	v.submit(v.get(path), path+"/people", "shown", string(s.user(t, "dev@acme.example")), "person", "dev@acme.example", "login", "devi@acme.example").wantRedirect(t, path)
	other.post(path+"/suspend").wantRedirect(t, path)
}

func (s *site) user(t *testing.T, login string) keyporter.ID {
	t.Helper()
	u, err := s.Control.UserByLogin(t.Context(), keyporter.Command(), login)
	if err != nil {
		t.Fatal(err)
	}
	return u.ID
}

func TestAppsAndConnectionsWithoutJavaScript(t *testing.T) {
	s := newSite(t)
	ada, v := s.ada(t)
	v.get("/connections").want(t, 200, "Apps and Connections", "No app acts as you")
	app := s.App(t, keyporter.App{Name: "<i>DMS</i>"})
	conn := s.Connect(t, ada, app)
	path := "/connections/" + string(conn.ID)
	page := v.get("/connections") // it is listed even without a valid token
	page.want(t, 200, "&lt;i&gt;DMS&lt;/i&gt;", "by <bdi>Tagworks Ltd</bdi>", "from 192.0.2.44", "Never used", "send envelopes")
	v.submit(v.follow(page, path+"/remove?scope=envelope.send"), path+"/remove?scope=envelope.send").wantRedirect(t, "/connections?done=taken")
	page = v.get("/connections")
	page.wantNot(t, "send envelopes")
	v.get(path+"/remove?scope=envelope.send").want(t, 404)
	v.follow(page, path+"/remove?scope=envelope.read").wantRedirect(t, path+"/disconnect")
	v.submit(v.follow(page, path+"/disconnect"), path+"/disconnect").wantRedirect(t, "/connections?done=disconnected")
	v.get("/connections").want(t, 200, "No app acts as you")
	v.post(path+"/disconnect").want(t, 404)
}
