//go:build unix

package server

import (
	"bytes"
	"encoding/base64"
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
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			t.Fatal("this system has no owners of files")
		}
		owner := int(stat.Uid)
		own, foreign := refuseExposed("key_file", path, info, owner), refuseExposed("key_file", path, info, owner+1)
		if (own == nil) != private.own || (foreign == nil) != private.foreign {
			t.Errorf("%04o: %v, and if it belongs to another user: %v", mode, own, foreign)
		}
		// What they suggest must be accepted: no group may read the user's own file, and only a group can read another user's.
		if own != nil && (!strings.Contains(own.Error(), "“chmod 600 "+path) || !strings.Contains(own.Error(), "mode 0400") || strings.Contains(own.Error(), "0440")) {
			t.Errorf("%04o: %v", mode, own)
		}
		if foreign != nil && (!strings.Contains(foreign.Error(), fmt.Sprintf("“chown %d %s && chmod 600 %s”", owner+1, path, path)) || !strings.Contains(foreign.Error(), "mode 0440") || strings.Contains(foreign.Error(), "0400")) {
			t.Errorf("%04o of another user: %v", mode, foreign)
		}
		_, err = Config{KeyFile: path}.Sealer(t.Context(), nil)
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
	link, file := filepath.Join(links, "keyporter.db"), filepath.Join(files, "real.db")
	for _, err := range []error{os.Mkdir(links, 0o700), os.Mkdir(files, 0o700), os.Symlink(file, link), os.Symlink(files, alias)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	start := func(path string) string {
		t.Helper()
		var log bytes.Buffer
		s, err := Start(t.Context(), Config{Listen: "127.0.0.1:0", Database: path}, slog.New(slog.NewTextHandler(&log, nil)), nil)
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
	for _, err := range []error{os.Rename(link+".key", file+".key"), os.Symlink(file+".key", link+".key"), os.Chmod(file, 0o640), os.Chmod(links, 0o777), os.Chmod(files, 0o777)} {
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
