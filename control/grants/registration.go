package grants

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/names"
	"github.com/keyporter/keyporter/store"
)

// Where registration is on, anyone can register apps. These limit how many come from one network, which
// may be that of a whole company, how many come in all, and how often each may change what it said.
var (
	registrationLimit    = store.Limit{Burst: 100, Every: 2 * time.Minute}
	allRegistrationLimit = store.Limit{Burst: 500, Every: 30 * time.Second}
	reregistrationLimit  = store.Limit{Burst: 10, Every: 10 * time.Minute}
)

// Registration is what an app gets when it registers itself (RFC 7591 §3.2.1). Both secrets are
// shown only then.
type Registration struct {
	App    keyporter.App
	Secret keyporter.Secret // empty for an app that keeps none
	Token  string           // registration access token, for managing the registration (RFC 7592)
}

// RegisterApp registers an app at its own request. The app doesn't work until an operator
// approves it: anyone could have chosen its name.
func (g *Grants) RegisterApp(ctx context.Context, from Caller, a keyporter.App) (Registration, error) {
	if err := CheckRegistration(&a); err != nil {
		return Registration{}, err
	}
	if err := g.countRegistration(ctx, from); err != nil {
		return Registration{}, err
	}
	now := g.now()
	a.ID, a.CreatedAt, a.State, a.Dynamic = keyporter.NewID(now), now, keyporter.AppQuarantined, true
	out := Registration{App: a, Token: rand.Text() + rand.Text()}
	if a.Authentication == keyporter.AppSecret {
		out.Secret = keyporter.NewSecret(keyporter.SecretApp)
	}
	err := g.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.InsertApp(ctx, a); err != nil {
			return err
		}
		if err := tx.SetAppRegistration(ctx, a.ID, keyporter.HashSecret(out.Token)); err != nil {
			return err
		}
		if a.Authentication == keyporter.AppSecret {
			s := out.Secret
			err := tx.InsertAppSecret(ctx, keyporter.AppCredential{ID: keyporter.NewID(now), AppID: a.ID, First: s.First(), Last: s.Last(), CreatedAt: now}, s.Hash())
			if err != nil {
				return err
			}
		}
		return tx.InsertEvent(ctx, g.registrationEvent(keyporter.EventAppCreate, from, a))
	})
	return out, err
}

// countRegistration counts an app that wants to be registered. The network's limit comes first,
// so that one network can't use up the limit of all.
func (g *Grants) countRegistration(ctx context.Context, from Caller) error {
	return g.db.Attempt(ctx, g.now(),
		store.Attempt{What: "register " + keyporter.Network(from.Address), Limit: registrationLimit},
		store.Attempt{What: "register", Limit: allRegistrationLimit})
}

// RegisteredApp returns the app that a registration access token is for. Any other is NotFound.
func (g *Grants) RegisteredApp(ctx context.Context, id keyporter.ID, token string) (keyporter.App, error) {
	if !canBeID(id) {
		return keyporter.App{}, notFound("app")
	}
	a, err := g.db.AppByRegistration(ctx, id, keyporter.HashSecret(token))
	return a, missing(err, "app")
}

// UpdateRegisteredApp changes what an app registered about itself. It has to be approved again,
// because the operator approved something else. If the app is suspended, the error is Forbidden:
// resuming it would otherwise let something work that nobody approved. If it changes too often, it is
// TooMany.
func (g *Grants) UpdateRegisteredApp(ctx context.Context, from Caller, was, a keyporter.App) (keyporter.App, error) {
	if was.State == keyporter.AppSuspended {
		return a, keyporter.Refuse(keyporter.Forbidden, "This app is suspended. It can’t change its registration until it is resumed.")
	}
	if err := CheckRegistration(&a); err != nil {
		return a, err
	}
	if a.Authentication != was.Authentication {
		return a, keyporter.InvalidField("token_endpoint_auth_method", "It can't be changed. Register a new app.")
	}
	if err := g.db.Attempt(ctx, g.now(), store.Attempt{What: "change app " + string(was.ID), Limit: reregistrationLimit}); err != nil {
		return a, err
	}
	a.ID, a.OrganizationID, a.CreatedAt, a.Dynamic, a.Webhook = was.ID, was.OrganizationID, was.CreatedAt, true, was.Webhook
	a.State = keyporter.AppQuarantined
	err := g.db.Do(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateApp(ctx, a, was.Version); err != nil {
			return missing(err, "app")
		}
		return tx.InsertEvent(ctx, g.registrationEvent(keyporter.EventAppUpdate, from, a))
	})
	return a, err
}

// DeleteRegisteredApp deletes an app that registered itself, with everything it got. If an operator
// has suspended the app, the error is Forbidden: the operator may want to look into what it did.
func (g *Grants) DeleteRegisteredApp(ctx context.Context, from Caller, a keyporter.App) error {
	return g.db.Do(ctx, func(tx *store.Tx) error {
		now, err := tx.LockApp(ctx, a.ID)
		if err != nil {
			return missing(err, "app")
		}
		if now.State == keyporter.AppSuspended && now.SuspendedByOperator {
			return keyporter.Refuse(keyporter.Forbidden, "This app is suspended. Only an operator can delete it.")
		}
		if err := tx.DeleteApp(ctx, a.ID, g.now()); err != nil {
			return missing(err, "app")
		}
		return tx.InsertEvent(ctx, g.registrationEvent(keyporter.EventAppDelete, from, a))
	})
}

func (g *Grants) registrationEvent(name keyporter.EventName, from Caller, a keyporter.App) keyporter.Event {
	e := g.event(name, from)
	e.OrganizationID, e.AppID = a.OrganizationID, a.ID
	e.Detail = map[string]string{"name": a.Name, "by": "the app itself"}
	return e
}

// MaxRedirectURIs is how many redirect URIs an app can have.
const MaxRedirectURIs = 20

// CheckRegistration returns everything that is wrong with what an app says about itself, by
// field of its metadata, and trims its name. An app that registers itself may have a secret and a
// scheme of its own: each copy of it has another secret (RFC 8252 §8.4).
func CheckRegistration(a *keyporter.App) error {
	var faults []error
	name, err := names.Parse("client_name", a.Name)
	if err == nil {
		a.Name = name
	}
	faults = append(faults, err, keyporter.CheckHTTPS("client_uri", a.HomePage))
	if len(a.RedirectURIs) > MaxRedirectURIs {
		faults = append(faults, keyporter.InvalidField("redirect_uris", "There are too many."))
	}
	for _, uri := range a.RedirectURIs[:min(len(a.RedirectURIs), MaxRedirectURIs)] {
		faults = append(faults, keyporter.CheckRedirectURI(uri, true))
	}
	switch {
	case a.Authentication == keyporter.AppKey:
		faults = append(faults, CheckKeys("jwks", a.Keys))
	case a.Keys != "":
		faults = append(faults, keyporter.InvalidField("jwks", "Keys are for private_key_jwt."))
	}
	return keyporter.JoinFields(faults...)
}
