package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/console"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/examples/esign"
	"github.com/keyporter/keyporter/server"
	"github.com/keyporter/keyporter/verify"
)

func demoCommand() *cobra.Command {
	var d demo
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Serve Keyporter with example users in front of an example API",
		Long: `Serve Keyporter with the organization Acme, three users, and a token, in front of
an e-signature API that holds a few of their envelopes. Don't use it for anything
real: the passwords are printed on the terminal.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&d.listen, "listen", "127.0.0.1:8080", "`address` to listen on")
	cmd.Flags().StringVar(&d.data, "data", "", "`folder` to keep the databases in (default: a temporary one, removed at the end)")
	cmd.Flags().BoolVar(&d.json, "json", false, "print one line of JSON instead of text")
	return cmd
}

type demo struct {
	listen, data string
	json         bool

	api *esign.Service
	srv *server.Server
}

// demoInfo is what people need to try the demo.
type demoInfo struct {
	URL   string     `json:"url"`
	Users []demoUser `json:"users"`
	Token string     `json:"token"` // Ada's, switched on
	Curl  string     `json:"curl"`  // a command line that finds Ada's envelopes
	App   string     `json:"app"`   // address of the example app
	File  string     `json:"-"`     // configuration file for the other commands
}

type demoUser struct {
	Login    string   `json:"login"`
	Password string   `json:"password"`
	Roles    []string `json:"roles"`
}

func (d *demo) run(ctx context.Context, out io.Writer) (err error) {
	if d.data == "" {
		if d.data, err = os.MkdirTemp("", "keyporter-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(d.data)) }()
	}
	if err := d.claim(); err != nil {
		return err
	}
	if d.api, err = esign.Open(ctx, d.path(demoAPI)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.api.Close()) }()
	upstream, stop, err := serveExample(ctx, func(string) (http.Handler, error) { return d.api, nil })
	if err != nil {
		return err
	}
	defer stop()
	cfg := server.Config{Listen: d.listen, Database: d.path(demoDatabase), LogLevel: "warn", APIs: esignAPIs(upstream), Scopes: esignScopes(), Guides: demoGuides()}
	serveOn(cfg.Logger())
	if d.srv, err = server.Start(ctx, cfg, cfg.Logger(), nil); err != nil {
		return unlessStopped(ctx, err)
	}
	info, err := d.fill(ctx)
	if err == nil {
		var stop func()
		if info.App, stop, err = d.app(ctx); err == nil {
			defer stop()
		}
	}
	if err == nil {
		info.File, err = d.writeConfig(cfg)
	}
	if err == nil {
		d.print(out, info)
		err = wait(ctx, d.srv)
	}
	return finish(ctx, d.srv, err)
}

// writeConfig writes what the other commands need to know about the demo next to its database.
func (d *demo) writeConfig(cfg server.Config) (file string, err error) {
	if cfg.Database, err = filepath.Abs(cfg.Database); err != nil {
		return "", err
	}
	content, err := yaml.MarshalWithOptions(server.Config{Database: cfg.Database, APIs: cfg.APIs, Scopes: cfg.Scopes}, yaml.OmitEmpty())
	if err != nil {
		return "", err
	}
	file = filepath.Join(filepath.Dir(cfg.Database), "keyporter.yaml")
	return file, os.WriteFile(file, content, 0o600)
}

// The files in the folder of a demo. The mark says that the databases are the demo's own.
const (
	demoMark     = "keyporter-demo.txt"
	demoDatabase = "keyporter.db"
	demoAPI      = "esign.db"
)

func (d *demo) path(file string) string { return filepath.Join(d.data, file) }

// claim marks the folder as one for demos. It refuses a folder with real databases, because the
// demo would add an operator whose password is on the terminal.
func (d *demo) claim() error {
	if _, err := os.Stat(d.path(demoMark)); err == nil {
		return nil
	}
	for _, file := range []string{demoDatabase, demoAPI} {
		if _, err := os.Lstat(d.path(file)); err == nil {
			return fmt.Errorf("the demo didn't create %s, so it leaves it alone; choose another folder with --data", d.path(file))
		}
	}
	if err := os.MkdirAll(d.data, 0o700); err != nil {
		return err
	}
	return os.WriteFile(d.path(demoMark), []byte("These databases belong to “keyporter demo”. Don't use them for anything real.\n"), 0o600)
}

// The scopes of the example API.
const (
	accountRead  = "account.read"
	envelopeRead = "envelope.read"
	envelopeSend = "envelope.send"
)

// demoGuides are the links of the page of tokens to the tutorials, which are about the example API.
func demoGuides() []console.Guide {
	return []console.Guide{{Name: "REST tutorial", Address: "/start/docs/tutorials/rest"}, {Name: "SOAP tutorial", Address: "/start/docs/tutorials/soap"}}
}

func esignScopes() []keyporter.Scope {
	return []keyporter.Scope{
		{Name: accountRead, Means: "see your name and your email address"},
		{Name: envelopeRead, Means: "read your envelopes, drafts, and templates, and download their files"},
		{Name: envelopeSend, Means: "upload files, and create, send, cancel, and delete envelopes on your behalf"},
	}
}

// esignAPIs returns the example API behind Keyporter. Paths that aren't known to be read-only need
// the scope that permits the most: a path forgotten here is closed, not open.
func esignAPIs(upstream string) []verify.API {
	all := []keyporter.CredentialKind{keyporter.CredentialUserToken, keyporter.CredentialOrganizationToken, keyporter.CredentialAccessToken}
	get, post := []string{http.MethodGet}, []string{http.MethodPost}
	before6 := func(path, scope string, methods []string) verify.Route {
		return verify.Route{Path: "/Api/{version}/" + path, Versions: "1-5", Methods: methods, Scope: scope, Credentials: all, Refusals: verify.RefuseEmpty}
	}
	since6 := func(path, scope string, methods []string) verify.Route {
		return verify.Route{Path: "/Api/{version}/" + path, Versions: "6-", Methods: methods, Scope: scope, Refusals: verify.RefuseError}
	}
	return []verify.API{{Name: "esign", Upstream: upstream, Example: "/Api/v6/authorization/whoami", Routes: []verify.Route{
		{Path: "/Api/{version}/version", Versions: "1-5", Methods: get, Public: true, Refusals: verify.RefuseEmpty},
		before6("authorization", accountRead, get),
		before6("user/me", accountRead, get),
		before6("envelope/{id}", envelopeRead, get), // not envelope/{id}/cancel, which is also a GET
		before6("envelope/find", envelopeRead, post),
		before6("{rest...}", envelopeSend, nil),
		{Path: "/Api.asmx", SOAP: true, Scope: envelopeSend, Credentials: all}, // one address for all operations
		{Path: "/Api/{version}/system/version", Versions: "6-", Methods: get, Public: true, Refusals: verify.RefuseError},
		since6("authorization/{rest...}", accountRead, get),
		since6("envelope/find", envelopeRead, post),
		since6("template/find", envelopeRead, post),
		since6("{rest...}", envelopeRead, get), // apps can only read version 6
		since6("{rest...}", envelopeSend, nil),
	}}}
}

// fill creates the organization, users, envelopes, and a token. On the data of an earlier demo, it
// gives the users new passwords and recreates the token.
func (d *demo) fill(ctx context.Context) (demoInfo, error) {
	info := demoInfo{URL: d.srv.URL()}
	org, err := (&owner{Control: d.srv.Control}).organization(ctx, "Acme")
	if err != nil {
		return info, err
	}
	for _, u := range []control.NewUser{
		{Login: "olivia@acme.example", Operator: true, RoleIDs: []keyporter.ID{keyporter.RoleAdministrator}},
		{Login: "ada@acme.example", RoleIDs: []keyporter.ID{keyporter.RoleAPIUser}},
		{Login: "grace@acme.example", RoleIDs: []keyporter.ID{keyporter.RoleAPIUser}},
	} {
		u.OrganizationID, u.Password = org.ID, strings.ToLower(rand.Text())
		user, err := d.user(ctx, u)
		if err != nil {
			return info, fmt.Errorf("create %s: %w", u.Login, err)
		}
		info.Users = append(info.Users, demoUser{Login: u.Login, Password: u.Password, Roles: roleNames(u)})
		switch {
		case u.Operator:
			continue // has no envelopes
		case u.Login == "ada@acme.example":
			info.Token, err = d.token(ctx, user)
		}
		if err == nil {
			err = d.api.Seed(ctx, esign.Caller{UserID: string(user.ID), Login: user.Login})
		}
		if err != nil {
			return info, err
		}
	}
	info.Curl = fmt.Sprintf(`curl -H 'ApiToken: %s' -H 'Content-Type: application/json' -d '{}' %s/Api/v6/envelope/find`, info.Token, info.URL)
	return info, nil
}

func (d *demo) user(ctx context.Context, in control.NewUser) (keyporter.User, error) {
	user, err := d.srv.Control.UserByLogin(ctx, keyporter.Command(), in.Login)
	if keyporter.KindOf(err) == keyporter.NotFound {
		return d.srv.Control.CreateUser(ctx, keyporter.Command(), in)
	}
	if err != nil {
		return user, err
	}
	return user, d.srv.Control.SetPassword(ctx, keyporter.Command(), user.ID, in.Password)
}

const demoToken = "Demo" // the name of ada's

func (d *demo) token(ctx context.Context, owner keyporter.User) (string, error) {
	_, tokens, err := d.srv.Control.TokensOf(ctx, keyporter.Command(), owner.ID, keyporter.UserToken, "")
	if err != nil {
		return "", err
	}
	for _, t := range tokens {
		if t.Name == demoToken {
			if err := d.srv.Control.DeleteToken(ctx, keyporter.Command(), t.ID); err != nil {
				return "", err
			}
		}
	}
	t, secret, err := d.srv.Control.CreateToken(ctx, keyporter.Command(), control.NewToken{OwnerID: owner.ID, Name: demoToken})
	if err == nil {
		_, err = d.srv.Control.EnableToken(ctx, keyporter.Command(), t.ID)
	}
	return secret.Reveal(), err
}

func roleNames(u control.NewUser) (names []string) {
	if u.Operator {
		names = append(names, "Operator")
	}
	for _, id := range u.RoleIDs {
		if r, ok := keyporter.PredefinedRole(id); ok {
			names = append(names, r.Name)
		}
	}
	return names
}

// print says how to try the demo. It is no error if nobody reads that anymore.
func (d *demo) print(out io.Writer, info demoInfo) {
	if d.json {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		_ = e.Encode(info)
		return
	}
	fmt.Fprintf(out, "Keyporter is ready at %s\n\nSign in as\n\n", info.URL)
	for _, u := range info.Users {
		fmt.Fprintf(out, "  %-22s %s   %s\n", u.Login, u.Password, strings.Join(u.Roles, ", "))
	}
	fmt.Fprintf(out, "\nor list Ada's envelopes with a token that is switched on:\n\n  %s\n\n", info.Curl)
	fmt.Fprintf(out, "Connect an example app at %s\n\n", info.App)
	program, err := os.Executable()
	if err != nil {
		program = "keyporter"
	}
	fmt.Fprintf(out, "The user, token, organization, and explain commands work on it, such as\n\n  %s token list ada@acme.example --config %s\n\nPress Ctrl-C to stop.\n", program, info.File)
}
