//go:build unix

package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// found is a file with a secret, or a folder or a link on the way to it.
type found struct {
	path         string
	mode         fs.FileMode
	owner, group int
	info         fs.FileInfo
}

// identity is whom Keyporter runs as.
type identity struct {
	user   int
	groups []int
}

func ownIdentity() identity {
	groups, _ := os.Getgroups() // without them, a mounted folder may count as exposed
	return identity{os.Geteuid(), append(groups, os.Getegid())}
}

// exposed says who else can read or change a file, or can change what a link or a folder leads to, or "".
//
// Files and links must belong to Keyporter's user or to root. A folder may belong to somebody else, such as one that
// is mounted in a container: what they can put there is theirs, and is refused.
func (i identity) exposed(f found) (to string) {
	foreign := f.owner != i.user && f.owner != 0
	switch folder := f.mode.IsDir(); {
	case foreign && !folder:
		return fmt.Sprintf("the user with the ID %d", f.owner)
	case f.mode&fs.ModeSymlink != 0, folder && f.mode&fs.ModeSticky != 0:
		return "" // a link has no mode, and in a sticky folder, others can't replace what isn't theirs
	case folder && f.mode&othersWrite != 0, !folder && f.mode&others != 0:
		return "everyone on this machine"
	case folder && f.mode&groupWrites != 0 && !i.ownGroup(f),
		!folder && (f.mode&groupWrites != 0 || f.mode&groupReads != 0 && f.owner == i.user):
		// A group may read a file of root's: Kubernetes and Docker mount secrets like that.
		return "its group"
	}
	return ""
}

// ownGroup reports whether a group that can write to a folder has nobody else in it: many systems give each user a
// group of the same number, and Kubernetes gives volumes, and what Keyporter made in them, to one of its groups (fsGroup).
func (i identity) ownGroup(f found) bool {
	return f.group == f.owner || (f.owner == 0 || f.owner == i.user) && slices.Contains(i.groups, f.group)
}

// mayTakeBack reports whether a key that Keyporter made is open to one of its own groups, and to nobody else.
func (i identity) mayTakeBack(f found) bool {
	return f.mode.IsRegular() && f.owner == i.user && f.mode&others == 0 && f.mode&(groupReads|groupWrites) != 0 && slices.Contains(i.groups, f.group)
}

// remedy returns the command after which nobody else can change it, and, if it is a file, read it.
func (i identity) remedy(f found) string {
	switch {
	case f.mode&fs.ModeSymlink != 0:
		return fmt.Sprintf("chown -h %d %s", i.user, f.path)
	case f.mode.IsDir() && f.mode&groupWrites != 0 && !i.ownGroup(f):
		return "chmod go-w " + f.path
	case f.mode.IsDir():
		return "chmod o-w " + f.path
	case f.owner != i.user:
		return fmt.Sprintf("chown %d %s && chmod 600 %[2]s", i.user, f.path)
	}
	return "chmod 600 " + f.path
}

// refuse returns an error about a file with a key, or about what leads to it, unless it is private.
func (i identity) refuse(setting, path string, f found) error {
	to := i.exposed(f)
	if to == "" {
		return nil
	}
	if kind := map[fs.FileMode]string{fs.ModeDir: "folder", fs.ModeSymlink: "link"}[f.mode.Type()]; kind != "" {
		return fmt.Errorf("%s: %s can be replaced by %s, because of the %s %s; make that private with “%s”", setting, path, to, kind, f.path, i.remedy(f))
	}
	mounted := "0400 (in Kubernetes, without fsGroup)" // fsGroup would let a group read it
	if f.owner != i.user {
		mounted = "0440, root as its owner, and a group of Keyporter's user (in Kubernetes, fsGroup)"
	}
	if i.mayTakeBack(f) {
		mounted += ". If it is on a volume with fsGroup, set fsGroupChangePolicy: OnRootMismatch, too"
	}
	return fmt.Errorf("%s: %s can be read or changed by %s; make it private with “%s”. If it is a mounted secret, it needs the mode %s", setting, f.path, to, i.remedy(f), mounted)
}

// readPrivate reads a file with a key. It returns an error if anyone but root and Keyporter's user can read the
// file, or replace it.
func readPrivate(setting, path string) ([]byte, error) {
	f, err := findPrivate(setting, path)
	if err != nil {
		return nil, err
	}
	file, err := f.open()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", setting, err)
	}
	text, err := io.ReadAll(file)
	return text, errors.Join(err, file.Close())
}

// findPrivate finds the file that a path leads to, and returns an error as readPrivate does.
func findPrivate(setting, path string) (f found, err error) {
	way, err := wayTo(path)
	if err != nil {
		return f, fmt.Errorf("read %s: %w", setting, err)
	}
	for _, f = range way {
		if err := ownIdentity().refuse(setting, path, f); err != nil {
			return f, err
		}
	}
	return f, nil
}

// open opens what was found, or nothing: whoever owns a folder can put another file there at any time.
func (f found) open() (*os.File, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	now, err := find(f.path, func(string) (fs.FileInfo, error) { return file.Stat() })
	if err == nil && (!os.SameFile(now.info, f.info) || now.mode != f.mode || now.owner != f.owner || now.group != f.group) {
		err = errors.New(f.path + " was replaced or changed in the meantime")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// takeKeyBack makes the key private that Keyporter made beside an SQLite database. With fsGroup, Kubernetes opens all
// files of a volume to the group, at each mount.
func (c Config) takeKeyBack(log *slog.Logger) error {
	if c.KeyFile != "" || store.IsPostgres(c.Database) {
		return nil
	}
	way, err := wayTo(besideDatabase(c.Database))
	if err != nil {
		return nil //nolint:nilerr // there is none yet
	}
	f := way[len(way)-1]
	if !ownIdentity().mayTakeBack(f) {
		return nil
	}
	file, err := f.open()
	if err != nil {
		return fmt.Errorf("make the key private: %w", err)
	}
	if err = errors.Join(file.Chmod(0o600), file.Close()); err == nil {
		log.Warn("made the key private again", "path", f.path, "mode", fmt.Sprintf("%04o", f.mode.Perm()), "open_to", "its group")
	}
	return err
}

// maxLinks is how many links a path can lead through, as on Linux.
const maxLinks = 40

// wayTo returns the folders and links that a path leads through, from the root on, and the file at its end. It
// follows links as the system does, one at a time.
func wayTo(path string) (way []found, err error) {
	root, err := find("/", os.Lstat)
	if err != nil {
		return nil, err
	}
	rest := path
	if !filepath.IsAbs(path) {
		folder, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		rest = folder + "/" + path // not cleaned: in link/.., the end is the parent of where the link leads
	}
	way = append(way, root)
	for at, links := "/", 0; rest != ""; {
		var name string
		if name, rest, _ = strings.Cut(rest, "/"); name == ".." {
			at = filepath.Dir(at)
			continue
		}
		f, err := find(filepath.Join(at, name), os.Lstat)
		if err != nil {
			return nil, err
		}
		if f.path != at {
			way = append(way, f)
		}
		if f.mode&fs.ModeSymlink == 0 {
			at = f.path
			continue
		}
		if strings.HasPrefix(f.path, "/proc/") { // leads to what is open, whatever it says: /dev/stdin
			f, err := find(path, os.Stat)
			return append(way, f), err
		}
		target, err := os.Readlink(f.path)
		if links++; err == nil && links > maxLinks {
			err = &fs.PathError{Op: "follow the links of", Path: path, Err: syscall.ELOOP}
		}
		if err != nil {
			return nil, err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = target + "/" + rest
	}
	return way, nil
}

func find(path string, stat func(string) (fs.FileInfo, error)) (found, error) {
	info, err := stat(path)
	if err != nil {
		return found{}, err
	}
	system, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return found{}, errors.New("the system doesn't say whose " + path + " is")
	}
	return found{path, info.Mode(), int(system.Uid), int(system.Gid), info}, nil
}

// warnOfExposed logs which files with secrets others can read or replace: the database with the hashes of
// passwords, and the configuration if it has the database's password in it.
func (c Config) warnOfExposed(log *slog.Logger) {
	if !store.IsPostgres(c.Database) {
		warnOf(log, c.Database, "-wal", "-shm")
	} else if c.file != "" && c.hasPassword() {
		warnOf(log, c.file)
	}
}

// warnOf logs what is exposed of a file, of the way to it, and of the files that SQLite keeps beside it.
func warnOf(log *slog.Logger, path string, beside ...string) {
	way, err := wayTo(path)
	if err != nil {
		return // it was just removed
	}
	file := way[len(way)-1].path
	for _, suffix := range beside {
		if f, err := find(file+suffix, os.Lstat); err == nil {
			way = append(way, f)
		}
	}
	i := ownIdentity()
	for _, f := range way {
		if to := i.exposed(f); to != "" {
			log.Warn("a file with secrets isn't private, or can be replaced", "path", f.path, "mode", fmt.Sprintf("%04o", f.mode.Perm()), "open_to", to, "do", i.remedy(f))
		}
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
