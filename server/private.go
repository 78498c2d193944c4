//go:build unix

package server

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"syscall"

	"github.com/keyporter/keyporter/store"
)

// Modes of files, as in chmod.
const (
	groupReads  fs.FileMode = 0o040
	groupWrites fs.FileMode = 0o020
	others      fs.FileMode = 0o007
	othersWrite fs.FileMode = 0o002
)

// mustBePrivate returns an error if anyone but Keyporter's user can read a file with a key. A group may, if
// the file belongs to another user: secrets that Kubernetes or Docker mounts belong to root, and a
// group is how Keyporter gets to read them.
func mustBePrivate(setting, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", setting, err)
	}
	return refuseExposed(setting, path, info, os.Geteuid())
}

func refuseExposed(setting, path string, info fs.FileInfo, user int) error {
	readers := whoReads(info, user)
	if readers == "" {
		return nil
	}
	mounted := "0400 (in Kubernetes, without fsGroup)" // fsGroup would let a group read it
	if ownerOf(info) != user {
		mounted = "0440 and a group of Keyporter's user (in Kubernetes, fsGroup)"
	}
	return fmt.Errorf("%s: %s can be read or changed by %s; make it private with “%s”, or, if it is mounted as a secret, with the mode %s", setting, path, readers, remedy(path, info, user), mounted)
}

// whoReads says who but the user with this ID can read or change a file that should be private, or "".
func whoReads(info fs.FileInfo, user int) string {
	switch mode := info.Mode().Perm(); {
	case mode&others != 0:
		return "everyone on this machine"
	case mode&groupWrites != 0, mode&groupReads != 0 && ownerOf(info) == user:
		return "its group"
	}
	return ""
}

// remedy returns the command after which only the user with this ID can read the file.
func remedy(path string, info fs.FileInfo, user int) string {
	command := "chmod 600 " + path
	if ownerOf(info) != user {
		command = fmt.Sprintf("chown %d %s && %s", user, path, command)
	}
	return command
}

func ownerOf(info fs.FileInfo) int {
	return int(info.Sys().(*syscall.Stat_t).Uid) //nolint:errcheck // os.Stat returns nothing else on Unix
}

// warnOfExposed logs which files with secrets others can read: the database with the hashes of
// passwords, and the configuration if it has the database's password in it.
func (c Config) warnOfExposed(log *slog.Logger) {
	if !store.IsPostgres(c.Database) {
		warnOfDatabase(log, c.Database)
	} else if c.file != "" && c.hasPassword() {
		warnOfFile(log, c.file)
	}
}

// warnOfDatabase looks at the files of SQLite, which are where a link leads. The link can be replaced, too.
func warnOfDatabase(log *slog.Logger, path string) {
	file, err := filepath.EvalSymlinks(path)
	if err != nil {
		return // it was just removed
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		warnOfFile(log, file+suffix)
	}
	warnOfFolder(log, filepath.Dir(file))
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil && folder != filepath.Dir(file) {
		warnOfFolder(log, folder)
	}
}

func warnOfFile(log *slog.Logger, path string) {
	info, err := os.Stat(path)
	if err != nil {
		return // it may not be there
	}
	if readers := whoReads(info, os.Geteuid()); readers != "" {
		log.Warn("a file with secrets isn't private", "path", path, "mode", fmt.Sprintf("%04o", info.Mode().Perm()), "open_to", readers, "do", remedy(path, info, os.Geteuid()))
	}
}

func warnOfFolder(log *slog.Logger, path string) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&othersWrite != 0 && info.Mode()&fs.ModeSticky == 0 {
		log.Warn("everyone on this machine can replace the database, because its folder isn't private", "path", path, "do", "chmod o-w "+path)
	}
}

func (c Config) hasPassword() bool {
	u, err := url.Parse(c.Database)
	if err != nil {
		return true // an address that can't be parsed may have one
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}
