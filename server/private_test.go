//go:build unix

package server

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/keyporter/keyporter/keyportertest"
)

func TestWhoReadsAKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	text := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	certificate, tlsKey := keyportertest.Certificate(t, t.TempDir())
	for mode, private := range map[fs.FileMode]struct{ own, foreign bool }{
		0o600: {true, true}, 0o400: {true, true}, 0o700: {true, true},
		0o640: {false, true}, 0o440: {false, true}, // as Kubernetes mounts secrets with fsGroup
		0o620: {false, false}, 0o660: {false, false}, 0o644: {false, false}, 0o604: {false, false}, 0o602: {false, false},
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		f := found{path, mode, 100, 100, nil}
		own, foreign := identity{user: 100}.refuse("key_file", path, f), identity{user: 101}.refuse("key_file", path, found{path, mode, 0, 100, nil})
		if (own == nil) != private.own || (foreign == nil) != private.foreign {
			t.Errorf("%04o: %v, and if it belongs to root: %v", mode, own, foreign)
		}
		// What they suggest must be accepted: no group may read the user's own file, and only a group can read root's.
		if own != nil && (!strings.Contains(own.Error(), "“chmod 600 "+path) || !strings.Contains(own.Error(), "mode 0400") || strings.Contains(own.Error(), "0440")) {
			t.Errorf("%04o: %v", mode, own)
		}
		if foreign != nil && (!strings.Contains(foreign.Error(), fmt.Sprintf("“chown 101 %s && chmod 600 %[1]s”", path)) || !strings.Contains(foreign.Error(), "mode 0440") || strings.Contains(foreign.Error(), "0400")) {
			t.Errorf("%04o of root: %v", mode, foreign)
		}
		for _, user := range []int{0, 101} {
			if err := (identity{user: user}).refuse("key_file", path, f); err == nil {
				t.Errorf("%04o: the user %d takes the file of the user 100", mode, user)
			}
		}
		_, err := Config{KeyFile: path}.Sealer(t.Context(), nil)
		if (err == nil) != private.own || err != nil && !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("key_file with %04o: %v", mode, err)
		}
		if err := os.Chmod(tlsKey, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := (Config{TLSCertificate: certificate, TLSKey: tlsKey}).tls(); (err == nil) != private.own {
			t.Errorf("tls_key with %04o: %v", mode, err)
		}
	}
}

// TestWhoReplacesAKey has links and folders on the way to a key. Those of Kubernetes are as it mounts them.
func TestWhoReplacesAKey(t *testing.T) {
	t.Parallel()
	const folder, link = fs.ModeDir, fs.ModeSymlink
	for what, try := range map[string]struct {
		found
		user    int
		private bool
	}{
		"own folder":                       {found{"x", folder | 0o755, 100, 100, nil}, 100, true},
		"of a user with their own group":   {found{"x", folder | 0o775, 100, 100, nil}, 100, true},
		"of a user with a group of others": {found{"x", folder | 0o775, 100, 50, nil}, 100, false},
		"everyone's":                       {found{"x", folder | 0o777, 0, 0, nil}, 100, false},
		"/tmp":                             {found{"x", folder | fs.ModeSticky | 0o777, 0, 0, nil}, 100, true},
		"a group's, as on Debian":          {found{"x", folder | 0o775, 0, 50, nil}, 100, false},
		"volume with fsGroup":              {found{"x", folder | fs.ModeSetgid | 0o775, 0, 2000, nil}, 100, true},
		"… as root":                        {found{"x", folder | fs.ModeSetgid | 0o775, 0, 2000, nil}, 0, true},
		"made in a volume with fsGroup":    {found{"x", folder | fs.ModeSetgid | 0o770, 100, 2000, nil}, 100, true},
		"mounted secret":                   {found{"x", folder | fs.ModeSticky | fs.ModeSetgid | 0o777, 0, 2000, nil}, 100, true},
		"mounted from the host":            {found{"x", folder | 0o755, 1000, 1000, nil}, 0, true},
		"own link":                         {found{"x", link | 0o777, 100, 100, nil}, 100, true},
		"root's link":                      {found{"x", link | 0o777, 0, 0, nil}, 100, true},
		"somebody's link":                  {found{"x", link | 0o777, 1000, 1000, nil}, 100, false},
		"somebody's link, as root":         {found{"x", link | 0o777, 1000, 1000, nil}, 0, false},
	} {
		err := identity{try.user, []int{2000}}.refuse("key_file", "/x/key", try.found)
		if (err == nil) != try.private || err != nil && !strings.Contains(err.Error(), "/x/key can be replaced by") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestTheWayToAKeyIsPrivate has one link or folder on the way exposed, each in its turn.
func TestTheWayToAKeyIsPrivate(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(parts ...string) string { return strings.Join(append([]string{dir}, parts...), "/") }
	for _, err := range []error{
		os.MkdirAll(at("files", "deep"), 0o700), os.Mkdir(at("links"), 0o700), writeKey(at("files", "key")),
		os.Symlink(at("links", "second"), at("first")), os.Symlink("../files/deep/../key", at("links", "second")),
		os.Symlink(at("files", "deep"), at("folder")), os.Symlink("loop", at("loop")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	certificate, tlsKey := keyportertest.Certificate(t, at("files"))
	for _, path := range []string{at("files", "key"), at("first"), at("folder", "..", "key")} {
		for _, mode := range []fs.FileMode{0o700, 0o755, 0o777, fs.ModeSticky | 0o777} {
			for _, folder := range []string{"files", "links", "files/deep"} {
				passed := map[string]bool{"files": true, "links": path == at("first"), "files/deep": path != at("files", "key")}[folder]
				if err := os.Chmod(at(folder), mode); err != nil {
					t.Fatal(err)
				}
				_, err := Config{KeyFile: path}.Sealer(t.Context(), nil)
				if refused := passed && mode == 0o777; (err != nil) != refused || err != nil && !strings.Contains(err.Error(), "“chmod o-w "+at(folder)+"”") {
					t.Errorf("%s with %s of %v: %v", path, folder, mode, err)
				}
				if folder == "files" {
					_, err := Config{TLSCertificate: certificate, TLSKey: tlsKey}.tls()
					if (err != nil) != (mode == 0o777) {
						t.Errorf("tls_key in a folder of %v: %v", mode, err)
					}
				}
				if err := os.Chmod(at(folder), 0o700); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if _, err := readPrivate("key_file", at("loop")); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a loop of links: %v", err)
	}
}

// TestAKeyThatIsReplacedMeanwhileIsNotRead replaces a key after it was found private, and before it is opened.
func TestAKeyThatIsReplacedMeanwhileIsNotRead(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(key, other string) error{
		"":                 func(string, string) error { return nil },
		"by another file":  func(key, other string) error { return os.Rename(other, key) },
		"by a link":        func(key, other string) error { return errors.Join(os.Remove(key), os.Symlink(other, key)) },
		"by what all read": func(key, _ string) error { return os.Chmod(key, 0o644) },
	} {
		dir := t.TempDir()
		key, other := filepath.Join(dir, "key"), filepath.Join(dir, "other")
		if err := errors.Join(writeKey(key), writeKey(other)); err != nil {
			t.Fatal(err)
		}
		f, err := findPrivate("key_file", key)
		if err := errors.Join(err, change(key, other)); err != nil {
			t.Fatal(err)
		}
		file, err := f.open()
		if (err == nil) != (what == "") || err != nil && !strings.Contains(err.Error(), key+" was replaced or changed") {
			t.Errorf("replaced %s: %v", what, err)
		}
		_ = file.Close() // even if there is none
	}
}

// TestAVolumeThatIsMountedAgain has Kubernetes open an SQLite database, its key, and their folder to the group of a
// volume, as it does with fsGroup at each mount. The group is one of Keyporter's.
func TestAVolumeThatIsMountedAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	c := Config{Listen: "127.0.0.1:0", Database: filepath.Join(dir, "keyporter.db")}
	key := c.Database + ".key"
	mount := func() error {
		return errors.Join(os.Chown(key, -1, os.Getegid()), os.Chmod(c.Database, 0o660), os.Chmod(key, 0o660), os.Chmod(dir, fs.ModeSetgid|0o770))
	}
	if err := errors.Join(startAndStop(t, c), mount()); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := Start(t.Context(), c, slog.New(slog.NewTextHandler(&log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(log.String(), "path="+key+" mode=0660") {
		t.Errorf("%v, %v\n%s", info, err, log.String())
	}
	if err := mount(); err != nil {
		t.Fatal(err)
	}
	c.KeyFile = key // then it is the operator's
	if err := startAndStop(t, c); err == nil || !strings.Contains(err.Error(), "fsGroupChangePolicy: OnRootMismatch") {
		t.Errorf("key_file: %v", err)
	}
}

// TestWhichKeysAreTakenBack has keys that a group can read or write.
func TestWhichKeysAreTakenBack(t *testing.T) {
	t.Parallel()
	for what, try := range map[string]struct {
		found
		taken bool
	}{
		"on a volume with fsGroup": {found{"x", 0o660, 100, 2000, nil}, true},
		"private":                  {found{"x", 0o600, 100, 2000, nil}, false},
		"of other people's group":  {found{"x", 0o660, 100, 50, nil}, false},
		"everyone's":               {found{"x", 0o664, 100, 2000, nil}, false},
		"root's":                   {found{"x", 0o440, 0, 2000, nil}, false},
		"somebody's":               {found{"x", 0o660, 1000, 2000, nil}, false},
		"a pipe":                   {found{"x", fs.ModeNamedPipe | 0o660, 100, 2000, nil}, false},
	} {
		if taken := (identity{100, []int{2000}}).mayTakeBack(try.found); taken != try.taken {
			t.Errorf("%s: %v", what, taken)
		}
	}
}

// TestAKeyFromAnotherProgram has the key come through a pipe, as a shell passes what a program prints.
func TestAKeyFromAnotherProgram(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := w.WriteString(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (Config{KeyFile: fmt.Sprintf("/dev/fd/%d", r.Fd())}).Sealer(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// TestFilesWithSecretsArePrivate starts Keyporter without and with files that others can read.
func TestFilesWithSecretsArePrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	database := filepath.Join(dir, "keyporter.db")
	start := func(file string, want ...string) {
		t.Helper()
		var log bytes.Buffer
		s, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Database: database, file: file}, slog.New(slog.NewTextHandler(&log, nil)), nil)
		if err != nil {
			t.Fatal(err)
		}
		for path, mode := range map[string]fs.FileMode{dir: 0o700, database + ".key": 0o600} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v", path, info, err)
			}
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(log.String(), "isn't private"); warned != (len(want) > 0) {
			t.Errorf("warned %v, want %q:\n%s", warned, want, log.String())
		}
		for _, w := range want {
			if !strings.Contains(log.String(), w) {
				t.Errorf("no warning %q:\n%s", w, log.String())
			}
		}
	}
	start("")
	if info, err := os.Stat(database); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database: %v, %v", info, err)
	}
	if err := os.Chmod(database, 0o640); err != nil {
		t.Fatal(err)
	}
	start("", fmt.Sprintf("path=%s mode=0640", database))
}

// TestADatabaseBehindALinkIsPrivate has SQLite's files beside the file that a link leads to. Whoever can replace the
// link, or that file, can replace the database.
func TestADatabaseBehindALinkIsPrivate(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	links, files, alias := filepath.Join(dir, "links"), filepath.Join(dir, "files"), filepath.Join(dir, "alias")
	link, file, key := filepath.Join(links, "keyporter.db"), filepath.Join(files, "real.db"), filepath.Join(dir, "key")
	for _, err := range []error{writeKey(key), os.Mkdir(links, 0o700), os.Mkdir(files, 0o700), os.Symlink(file, link), os.Symlink(files, alias)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	start := func(path string) string {
		t.Helper()
		var log bytes.Buffer
		s, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Database: path, KeyFile: key}, slog.New(slog.NewTextHandler(&log, nil)), nil)
		if err == nil {
			err = s.Stop(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return log.String()
	}
	if log := start(link); strings.Contains(log, "isn't private") {
		t.Errorf("everything is private:\n%s", log)
	}
	for _, err := range []error{os.Chmod(file, 0o640), os.Chmod(links, 0o777), os.Chmod(files, 0o777)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	exposed := []string{file, file + "-wal", file + "-shm", files}
	for path, exposed := range map[string][]string{link: append(exposed, links), filepath.Join(alias, "real.db"): exposed} {
		log := start(path)
		for _, e := range exposed {
			if !strings.Contains(log, " path="+e+" ") {
				t.Errorf("%s: no warning of %s:\n%s", path, e, log)
			}
		}
		if n := strings.Count(log, "isn't private"); n != len(exposed) {
			t.Errorf("%s: %d warnings, want %d:\n%s", path, n, len(exposed), log)
		}
	}
}

func TestAPasswordInAConfigurationOthersReadIsReported(t *testing.T) {
	t.Parallel()
	for database, has := range map[string]bool{
		"postgres://keyporter:secretword@db.example.com/x": true, "postgres://db.example.com/x?user=a&password=secretword": true,
		"postgres://keyporter@db.example.com/x": false, "postgres:///x": false, "100%.db": false,
	} {
		path := filepath.Join(t.TempDir(), "keyporter.yaml")
		if err := os.WriteFile(path, []byte("database: "+database+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for mode, private := range map[fs.FileMode]bool{0o600: true, 0o644: false} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			c, err := Load(path, func(string) string { return "" }, nil)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			c.warnOfExposed(slog.New(slog.NewTextHandler(&log, nil)))
			if warned := log.Len() > 0; warned != (has && !private) || strings.Contains(log.String(), "secretword") {
				t.Errorf("%s with %04o: %s", database, mode, log.String())
			}
		}
	}
}
