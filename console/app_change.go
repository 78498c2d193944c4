package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// appChange is a method of Control that changes the app with this ID.
type appChange func(*control.Control, context.Context, keyporter.Actor, keyporter.ID) error

// changeApp handles a form that has only a button.
func (c *console) changeApp(change appChange, done string) page {
	return func(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
		if err := change(c.Control, r.Context(), actor, id(r)); err != nil {
			return err
		}
		page := appPath(id(r))
		if done == "deleted" {
			page = "/apps"
		}
		return c.finish(w, r, page, done)
	}
}

// approveApp approves the version of the app that the operator saw.
func (c *console) approveApp(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	version, _ := strconv.Atoi(r.PostFormValue("version"))
	if err := c.Control.ApproveApp(r.Context(), actor, id(r), version); err != nil {
		return err
	}
	return c.finish(w, r, appPath(id(r)), "approved")
}

func (c *console) showSuspendApp(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.manageableApp(r, actor)
	if err != nil {
		return err
	}
	texts := []string{"Its tokens are refused starting with the next call, and nobody can connect it.", "Nothing is deleted. When the suspension is lifted, everything works again."}
	if p.JWT {
		texts = append(texts, "Its access tokens are JWTs: an API that checks them on its own accepts them until they expire.")
	}
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Suspend “" + p.Name + "”?", Action: appPath(p.ID) + "/suspend", Submit: "Suspend app", Back: appPath(p.ID), Texts: texts,
	})
}

func (c *console) showDeleteApp(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.manageableApp(r, actor)
	if err != nil {
		return err
	}
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Delete “" + p.Name + "”?", Action: appPath(p.ID) + "/delete", Submit: "Delete app", Back: appPath(p.ID),
		Texts: []string{
			countOf(p.Connections, "user") + " " + map[bool]string{true: "has", false: "have"}[p.Connections == 1] + " connected it. All of its connections and tokens end, and its client_id will never work again.",
			"This can’t be undone. Not sure? Suspend it first and see who complains. You can lift a suspension at any time.",
		},
	})
}

// manageableApp loads the page of an app, and refuses readers who may not change it.
func (c *console) manageableApp(r *http.Request, actor keyporter.Actor) (appPage, error) {
	p, err := c.appPage(r, actor)
	if err == nil && !p.CanManage {
		err = keyporter.Refuse(keyporter.Forbidden, "Only those responsible for this app may change it.")
	}
	return p, err
}

// showAddSecret asks whether to add a secret.
func (c *console) showAddSecret(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.manageableApp(r, actor)
	if err != nil {
		return err
	}
	texts := []string{"You’ll see it once. Have the app’s configuration ready."}
	if len(p.Secrets) == 1 {
		texts = append(texts, "The current one keeps working until you delete it, so put the new one into the app first.")
	}
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Add a secret to “" + p.Name + "”", Action: appPath(p.ID) + "/secrets", Submit: "Add secret", Harmless: true, Once: true, Back: appPath(p.ID), Texts: texts,
	})
}

func (c *console) addSecret(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	s, secret, err := c.Control.AddAppSecret(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.reveal(w, r, actor, newSecret{appPath(id(r)), string(s.ID), secret.Reveal()})
}

// showWebhookSecret asks whether to create a secret for the webhook.
func (c *console) showWebhookSecret(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.manageableApp(r, actor)
	if err != nil {
		return err
	}
	texts := []string{"You’ll see it once. Notifications to the webhook are signed with it, following Standard Webhooks."}
	if p.HasWebhookSecret {
		texts = append(texts, "The previous one stops working right away. The app has to reject notifications until it has the new one; Keyporter sends them again later.")
	}
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Create a webhook secret for “" + p.Name + "”", Action: appPath(p.ID) + "/webhook", Submit: "Make secret", Harmless: !p.HasWebhookSecret, Once: true, Back: appPath(p.ID), Texts: texts,
	})
}

func (c *console) setWebhookSecret(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	secret, err := c.Control.SetWebhookSecret(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	return c.reveal(w, r, actor, newSecret{appPath(id(r)), webhookSecretOf(id(r)), secret})
}

func (c *console) showDeleteSecret(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	p, err := c.manageableApp(r, actor)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(p.Secrets, func(s keyporter.AppCredential) bool { return string(s.ID) == r.PathValue("secret") })
	if i < 0 {
		return keyporter.Refuse(keyporter.NotFound, "There is no such secret.")
	}
	texts := []string{"An app that still uses it can’t get or refresh tokens anymore. Tokens already issued keep working until they expire."}
	if len(p.Secrets) == 1 {
		texts = append(texts, "This is the app’s only secret.")
	}
	return c.confirm(w, r, actor, http.StatusOK, confirmPage{
		Heading: "Delete the secret " + p.Secrets[i].First + "…" + p.Secrets[i].Last + "?", Submit: "Delete secret",
		Action: appPath(p.ID) + "/secrets/" + r.PathValue("secret") + "/delete", Back: appPath(p.ID), Texts: texts,
	})
}

func (c *console) deleteSecret(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	if err := c.Control.DeleteAppSecret(r.Context(), actor, id(r), keyporter.ID(r.PathValue("secret"))); err != nil {
		return err
	}
	return c.finish(w, r, appPath(id(r)), "deleted")
}

// setPeople sets who is responsible for an app: the form has the login names of those who remain,
// and may add one.
func (c *console) setPeople(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	logins := r.PostForm["person"]
	added := r.PostFormValue("login")
	if added != "" {
		logins = append(slices.Clone(logins), added)
	}
	err := c.Control.SetAppPeople(r.Context(), actor, control.AppPeople{AppID: id(r), Logins: logins, Shown: ids(r, "shown")})
	if err == nil {
		return c.finish(w, r, appPath(id(r)), "people")
	}
	f, other := faultOf(err)
	if other != nil {
		return err
	}
	p, other := c.manageableApp(r, actor)
	if other != nil {
		return other
	}
	p.PeopleFault, p.Login = f, added
	return c.showAppPage(w, r, actor, status(err), p)
}

// imageUpload is the only route whose form can be larger than maxForm.
const imageUpload = "POST /apps/{id}/image"

// sizeLimit returns the maximum size of a request's form in bytes.
func sizeLimit(r *http.Request) int64 {
	if r.Pattern == imageUpload {
		return control.MaxImageLen + maxForm
	}
	return maxForm
}

func (c *console) uploadImage(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	file, err := readImage(r)
	if err == nil {
		err = c.Control.SetAppImage(r.Context(), actor, id(r), file)
	}
	if err == nil {
		return c.finish(w, r, appPath(id(r)), "image")
	}
	f, other := faultOf(err)
	if other != nil || keyporter.KindOf(err) == keyporter.Forbidden {
		return err
	}
	p, other := c.manageableApp(r, actor)
	if other != nil {
		return other
	}
	p.ImageFault = f
	return c.showAppPage(w, r, actor, status(err), p)
}

// readImage reads the uploaded file into memory, never to disk. Without a file, it returns nil.
func readImage(r *http.Request) ([]byte, error) {
	damaged := keyporter.InvalidField("image", "The file is damaged or too large. The limit is 1 MiB.")
	parts, err := r.MultipartReader()
	if errors.Is(err, http.ErrNotMultipart) {
		return nil, nil
	}
	if err != nil {
		return nil, damaged
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, damaged
		}
		if part.FormName() != "image" {
			continue
		}
		file, err := io.ReadAll(part) // the body has a limit
		if err != nil {
			return nil, damaged
		}
		return file, nil
	}
}

// showImage answers with the image of an app. It is always a PNG that we encoded ourselves; the
// headers are a second defense, against browsers treating it as anything else.
func (c *console) showImage(w http.ResponseWriter, r *http.Request, actor keyporter.Actor) error {
	png, at, err := c.Control.AppImage(r.Context(), actor, id(r))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Content-Disposition", `inline; filename="app.png"`)
	h.Set("Last-Modified", at.UTC().Format(http.TimeFormat))
	h.Set("Content-Length", strconv.Itoa(len(png)))
	if r.URL.Query().Get("v") == strconv.FormatInt(at.UnixMilli(), 10) {
		h.Set("Cache-Control", "private, max-age=31536000, immutable") // a new image has a new URL
	}
	_, _ = w.Write(png) //nolint:gosec // our own encoder made it, and the headers keep it from being anything but a picture
	return nil
}
