package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
	"github.com/keyporter/keyporter/names"
)

// The limits of an import.
const (
	maxImportLine  = 64 << 10 // bytes of a line or, if it contains line breaks, of a record
	maxImportLines = 500_000
)

// The columns of an import.
const (
	columnLogin = iota
	columnName
	columnToken
	columnSHA256
	columnKind
	columnEnabled
	columnExpires
	numColumns
)

// columnOf returns the column with this name, ignoring letter case.
func columnOf(name string) (column int, ok bool) {
	for i, n := range [numColumns]string{"login", "name", "token", "sha256", "kind", "enabled", "expires"} {
		if strings.EqualFold(n, strings.TrimSpace(name)) {
			return i, true
		}
	}
	return 0, false
}

// importRow is one line as it was read. Missing values are empty.
type importRow [numColumns]string

// importReader reads one row after another, and returns io.EOF at the end. A lineFault is about one
// line. After errLongLine or any other error, nothing more can be read.
type importReader interface {
	next() (line int, row importRow, err error)
}

// lineFault says why a line can't be read. It quotes nothing from the line, which may contain the
// secret.
type lineFault string

func (f lineFault) Error() string { return string(f) }

// errLongLine is the lineFault that ends the import.
const errLongLine = lineFault("It is longer than 64 KB. Nothing after it was read.")

// The errors about a whole file.
var (
	errManyLines = fmt.Errorf("there are more than %d lines; split the file", maxImportLines)
	errUTF16     = errors.New("the file is in UTF-16; save it as UTF-8")
	errFormat    = errors.New("the format must be csv or jsonl")
)

// newImportReader returns a reader for a format: csv, jsonl, or, if it is empty, the format that
// the file's name or its first character suggests.
func newImportReader(in io.Reader, format, file string) (importReader, error) {
	r := bufio.NewReader(in)
	start, err := r.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file: %w", err)
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, errUTF16
	case bytes.Equal(start, []byte("\xef\xbb\xbf")):
		_, _ = r.Discard(len(start)) // a byte order mark, which Excel writes
		start, _ = r.Peek(1)
	}
	if format == "" {
		format = formatOf(file, start)
	}
	switch format {
	case "csv":
		return newCSVReader(r)
	case "jsonl":
		return newJSONReader(r), nil
	}
	return nil, errFormat
}

func formatOf(file string, start []byte) string {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".csv":
		return "csv"
	case ".jsonl", ".ndjson", ".json":
		return "jsonl"
	}
	if bytes.HasPrefix(start, []byte("{")) {
		return "jsonl"
	}
	return "csv"
}

// readImport reads everything that can be read. Secrets don't leave it, only their hashes.
func readImport(r importReader) (tokens []control.ImportedToken, faults []control.LineFault, err error) {
	for {
		line, row, broken := r.next()
		switch _, ofLine := errors.AsType[lineFault](broken); {
		case errors.Is(broken, io.EOF):
			return tokens, faults, nil
		case len(tokens)+len(faults) >= maxImportLines:
			return nil, nil, errManyLines
		case ofLine:
			faults = append(faults, control.LineFault{Line: line, Why: broken.Error()})
			if errors.Is(broken, errLongLine) {
				return tokens, faults, nil
			}
			continue
		case broken != nil:
			return nil, nil, fmt.Errorf("read the file: %w", broken)
		}
		t, wrong := row.token()
		if wrong != nil {
			faults = append(faults, control.LineFault{Line: line, Why: wrong.Error()})
			continue
		}
		t.Line = line
		tokens = append(tokens, t)
	}
}

// token checks everything about a row that can be checked without the database.
func (r *importRow) token() (t control.ImportedToken, err error) {
	for _, text := range r {
		if !utf8.ValidString(text) {
			return t, lineFault("It contains bytes that aren't UTF-8.")
		}
	}
	var wrong [7]error
	t.Login, wrong[0] = names.ParseLogin(r[columnLogin])
	t.Name, wrong[1] = names.Parse("name", r[columnName])
	t.Kind, wrong[2] = r.kind()
	t.Secret, wrong[3] = r.secret(t.Kind)
	if token := r[columnToken]; token != "" && strings.Contains(t.Name, token) || keyporter.HashSecret(t.Name) == t.Secret.Hash {
		wrong[4] = lineFault("The name contains the token: anyone who sees the name could use it.")
	}
	t.Enabled, wrong[5] = r.enabled()
	t.ExpiresAt, wrong[6] = r.expires()
	t.Login, t.Name = strings.Clone(t.Login), strings.Clone(t.Name) // otherwise, they would keep the secret next to them in memory
	return t, joinFaults(wrong[:])
}

// joinFaults joins everything wrong with a line into one fault, or returns nil if nothing is.
func joinFaults(errs []error) error {
	var all []string
	for _, err := range errs {
		if err != nil {
			all = append(all, err.Error())
		}
	}
	if len(all) == 0 {
		return nil
	}
	return lineFault(strings.Join(all, " "))
}

func (r *importRow) expires() (time.Time, error) {
	if r[columnExpires] == "" {
		return time.Time{}, nil
	}
	at, err := parseExpiry(r[columnExpires])
	if err != nil {
		return at, lineFault("The expiry must look like 2027-01-31, 2027-01-31T12:00:00Z, or never.")
	}
	return at, nil
}

func (r *importRow) secret(kind keyporter.TokenKind) (keyporter.ImportedSecret, error) {
	switch token, hash := r[columnToken], r[columnSHA256]; {
	case token == "" && hash == "":
		return keyporter.ImportedSecret{}, lineFault("It has neither a token nor a token's SHA-256.")
	case token != "" && hash != "":
		return keyporter.ImportedSecret{}, lineFault("It has both a token and a SHA-256. Keep one of them.")
	case hash != "":
		return keyporter.ReadSecretHash(hash)
	default:
		return keyporter.ReadImportedSecret(kind, token)
	}
}

func (r *importRow) kind() (keyporter.TokenKind, error) {
	switch strings.ToLower(r[columnKind]) {
	case "", string(keyporter.UserToken):
		return keyporter.UserToken, nil
	case string(keyporter.OrganizationToken):
		return keyporter.OrganizationToken, nil
	}
	return "", lineFault("The kind must be user or organization.")
}

func (r *importRow) enabled() (bool, error) {
	switch strings.ToLower(r[columnEnabled]) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, lineFault("The value of enabled must be true or false.")
}
