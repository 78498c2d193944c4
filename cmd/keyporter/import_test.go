package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyporter/keyporter"
	"github.com/keyporter/keyporter/control"
)

// The secrets of the tests are these followed by a letter. No message may contain them.
const foreign = "asdfngtmvv8pfmsuaxpzz85zux3e63dd9zttrwitx9mln6qka6tds83du3p3lro"

func read(file, format, text string) ([]control.ImportedToken, []control.LineFault, error) {
	r, err := newImportReader(strings.NewReader(text), format, file)
	if err != nil {
		return nil, nil, err
	}
	return readImport(r)
}

func TestReadImport(t *testing.T) {
	hash := fmt.Sprintf("%x", keyporter.HashSecret(foreign+"c"))
	const csv, jsonl = "tokens.csv", "tokens.jsonl"
	for what, c := range map[string]struct{ file, format, text string }{
		"CSV": {csv, "", "login,name,token,sha256,enabled,expires,kind\nada@acme.example,Export,#a,,true,2030-01-31,user\n" +
			"grace@acme.example,\"Sync, nightly\",#b,,false,never,organization\neve@rival.example,Hash,,#hash,,,\n"},
		"CSV of Excel": {"-", "", "\xef\xbb\xbfLogin,\"Expires\",Name,Token,SHA256,Enabled,Kind\r\nada@acme.example,2030-01-31,\"Export\",#a,,TRUE,USER\r\n\r\n" +
			"grace@acme.example,,\"Sync, nightly\",#b,,FALSE,organization\r\neve@rival.example,,Hash,,#hash,,"},
		"JSON lines": {jsonl, "", `{"login":"ada@acme.example","name":"Export","token":"#a","enabled":true,"expires":"2030-01-31"}` + "\n" +
			`{"login":"grace@acme.example","name":"Sync, nightly","token":"#b","enabled":false,"kind":"organization","sha256":null}` + "\n\n" +
			`{"sha256":"#hash","Login":"eve@rival.example","name":"Hash"}`},
		"JSON lines with spaces around": {"-", "jsonl", "\xef\xbb\xbf  {\"login\" : \" ada@acme.example\", \"name\":\"Export \",\"token\":\" #a\",\"enabled\":\"true\",\"expires\":\"2030-02-01T00:00:00Z\"}\r\n" +
			`{"login":"grace@acme.example","name":"Sync, nightly","token":"#b","expires":"never","kind":"organization"}` + "\n" +
			`{"sha256":"#hash","login":"eve@rival.example","name":"Hash"}`},
	} {
		tokens, faults, err := read(c.file, c.format, strings.NewReplacer("#a", foreign+"a", "#b", foreign+"b", "#hash", hash).Replace(c.text))
		if err != nil || len(faults) > 0 || len(tokens) != 3 {
			t.Errorf("%s: %d tokens, %v, %v", what, len(tokens), faults, err)
			continue
		}
		first, _ := keyporter.ReadImportedSecret(keyporter.UserToken, foreign+"a")
		second, _ := keyporter.ReadImportedSecret(keyporter.UserToken, foreign+"b")
		want := []control.ImportedToken{
			{Kind: keyporter.UserToken, Login: "ada@acme.example", Name: "Export", Secret: first, Enabled: true, ExpiresAt: time.Date(2030, 2, 1, 0, 0, 0, 0, time.UTC)},
			{Kind: keyporter.OrganizationToken, Login: "grace@acme.example", Name: "Sync, nightly", Secret: second},
			{Kind: keyporter.UserToken, Login: "eve@rival.example", Name: "Hash", Secret: keyporter.ImportedSecret{Hash: keyporter.HashSecret(foreign + "c")}},
		}
		for i := range tokens {
			tokens[i].Line = 0
		}
		if !slices.Equal(tokens, want) {
			t.Errorf("%s: read\n%+v\nwant\n%+v", what, tokens, want)
		}
	}
}

// TestLinesThatCantBeImported puts a good line before and after each bad one, and expects the fault
// to have its line number and quote nothing from it.
func TestLinesThatCantBeImported(t *testing.T) {
	const good = "ada@acme.example,Export,"
	for line, why := range map[string]string{
		",Name," + foreign:                                    "Enter a login name.",
		foreign + ",ada@acme.example,Name":                    "The login name must be an email address",
		"ada\xff@acme.example,Name," + foreign:                "aren't UTF-8",
		"ada@acme.example,N\xffme," + foreign:                 "aren't UTF-8",
		"ada@acme.example,," + foreign:                        "Enter a name.",
		"ada@acme.example,\"two\nlines\"," + foreign:          "control characters",
		"ada@acme.example,N\x00me," + foreign:                 "control characters",
		"ada@acme.example," + foreign + foreign + "," + good:  "fields",
		"ada@acme.example," + foreign:                         "fields",
		"ada@acme.example,Na\"me," + foreign:                  "stray quotation mark",
		"ada@acme.example,Name,\"" + foreign + "\"x":          "stray quotation mark",
		"ada@acme.example,Name,":                              "neither a token nor",
		"ada@acme.example,Name," + foreign[:15]:               "too short",
		"ada@acme.example,Name," + strings.Repeat(foreign, 9): "too long",
		"ada@acme.example,Name," + foreign + " " + foreign:    "contains spaces",
		"ada@acme.example,Name," + foreign + "ü":              "contains spaces",
		"ada@acme.example,Name,kpu_" + foreign[:49]:           "length or checksum",
		"ada@acme.example,Old " + foreign + "," + foreign:     "contains the token",
	} {
		mustReport(t, "login,name,token\n"+good+foreign+"a\n"+line+"\n"+good+foreign+"b\n", line, 3, why)
	}
	for line, why := range map[string]string{
		foreign + ",yes,,":                  "must be true or false",
		foreign + ",true,31.01.2030,":       "must look like",
		foreign + ",true,2030-02-30,":       "must look like",
		foreign + ",true,2030-01-31 12:00,": "must look like",
		foreign + ",true,,team":             "must be user or organization",
	} {
		mustReport(t, "login,name,token,enabled,expires,kind\n"+good+foreign+"a,,,\n"+good+line+"\n"+good+foreign+"b,,,\n", line, 3, why)
	}
	for line, why := range map[string]string{
		`"sha256":"` + foreign + `"`: "64 hexadecimal digits",
		`"token":"` + foreign + `","sha256":"` + strings.Repeat("0", 64) + `"`: "Keep one of them",
		`"token":"` + foreign + `","token":"` + foreign + `"`:                  "twice",
		`"token":"` + foreign + `","Token":"` + foreign + `"`:                  "twice",
		`"token":"` + foreign + `","` + foreign + `":1`:                        "a member other than",
		`"token":"` + foreign + `","enabled":1`:                                "must be one JSON object",
		`"token":"` + foreign + `","kind":true`:                                "must be one JSON object",
		`"token":["` + foreign + `"]`:                                          "must be one JSON object",
		`"token":"` + foreign + `"}{"x":"` + foreign + `"`:                     "must be one JSON object",
		`"token":"` + foreign:                                                  "must be one JSON object",
		`"token":"` + foreign + "\xff\"":                                       "aren't UTF-8",
		`"token":123456789012345678901234567890`:                               "must be one JSON object",
	} {
		const good = `{"login":"ada@acme.example","name":"Export",`
		mustReport(t, good+`"token":"`+foreign+`a"}`+"\n"+good+line+"}\n"+good+`"token":"`+foreign+`b"}`+"\n", line, 2, why)
	}
	hash := keyporter.HashSecret(foreign)
	mustReport(t, "login,name,sha256\n"+good+strings.Repeat("0", 64)+"\n"+fmt.Sprintf("ada@acme.example,%s,%x\n", foreign, hash)+good+strings.Repeat("1", 64)+"\n", "the token as its name", 3, "contains the token")
	mustReport(t, `{"login":"a@b.example","name":"Export","token":"`+foreign+`"}`+"\n"+`["`+foreign+`"]`+"\n"+`{"login":"a@b.example","name":"Two","token":"`+foreign+`"}`, "array", 2, "must be one JSON object")
}

func mustReport(t *testing.T, file, what string, line int, why string) {
	t.Helper()
	tokens, faults, err := read("-", "", file)
	if err != nil || len(tokens) != 2 || len(faults) != 1 || faults[0].Line != line || !strings.Contains(faults[0].Why, why) {
		t.Errorf("%.80q: %d tokens, %v, %v; want a fault in line %d: %s", what, len(tokens), faults, err, line, why)
	}
	if strings.Contains(fmt.Sprint(faults, err), foreign[:8]) {
		t.Errorf("a message contains a secret: %v, %v", faults, err)
	}
}

func TestFilesThatCantBeImported(t *testing.T) {
	for file, want := range map[string]error{
		"":                         errHeader,
		"\n\n":                     errHeader,
		"login,name\n":             errHeader,
		"login,token\n":            errHeader,
		"name,token\n":             errHeader,
		"login;name;token\n":       errHeader,
		"login,name,token,token\n": errHeader,
		"login,name,token,note\n":  errHeader,
		"ada@acme.example,Export," + foreign + "\n": errHeader, // no header: nothing from it may be quoted
		"\xff\xfel\x00o\x00g\x00":                   errUTF16,
		strings.Repeat("x", 10<<20):                 errHeader,
	} {
		if _, _, err := read("tokens.csv", "", file); !errors.Is(err, want) {
			t.Errorf("%.40q: %v", file, err)
		}
	}
	if _, _, err := read("tokens.csv", "xml", "login,name,token\n"); !errors.Is(err, errFormat) {
		t.Error(err)
	}
	if tokens, faults, err := read("tokens.jsonl", "", ""); err != nil || len(tokens)+len(faults) > 0 {
		t.Errorf("an empty file: %v, %v", faults, err)
	}
}

// endless is a beginning, and then the same text over and over. It counts the bytes that are read.
type endless struct {
	start, again string
	read         int
}

func (e *endless) Read(p []byte) (n int, err error) {
	n = copy(p, e.start)
	e.start = e.start[n:]
	for n < len(p) {
		n += copy(p[n:], e.again)
	}
	e.read += n
	return n, nil
}

// TestALineThatNeverEndsIsNotReadToItsEnd also tries line breaks in a quoted field.
func TestALineThatNeverEndsIsNotReadToItsEnd(t *testing.T) {
	for start, again := range map[string]string{"login,name,token\nada@acme.example,": "x", "login,name,token\nada@acme.example,\"": "x\n", `{"login":"`: "x"} {
		in := &endless{start: start, again: again}
		r, err := newImportReader(in, "", "-")
		if err != nil {
			t.Fatal(err)
		}
		_, faults, err := readImport(r)
		if err != nil || len(faults) != 1 || faults[0].Why != errLongLine.Error() || faults[0].Line != 1+strings.Count(start, "\n") || in.read > 2*maxImportLine {
			t.Errorf("%q: %v, %v, after %d bytes", start, faults, err, in.read)
		}
	}
}

// lines returns a file with this many lines.
type lines struct{ left int }

func (l *lines) Read(p []byte) (int, error) {
	const line = `{"login":"a@b.example","name":"N","sha256":"x"}` + "\n"
	n := 0
	for ; n+len(line) <= len(p) && l.left > 0; l.left-- {
		n += copy(p[n:], line)
	}
	if n == 0 && l.left == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestImportLineLimit(t *testing.T) {
	for _, c := range []struct {
		lines int
		want  error
	}{{maxImportLines, nil}, {maxImportLines + 1, errManyLines}} {
		r, err := newImportReader(&lines{c.lines}, "jsonl", "-")
		if err != nil {
			t.Fatal(err)
		}
		_, faults, err := readImport(r)
		if !errors.Is(err, c.want) || c.want == nil && len(faults) != c.lines {
			t.Errorf("%d lines: %d faults, %v", c.lines, len(faults), err)
		}
	}
}

// FuzzImport expects that reading any file ends, that faults are in order, and that they quote
// nothing.
func FuzzImport(f *testing.F) {
	for _, s := range []string{
		"login,name,token\nada@acme.example,Export," + foreign, "\xef\xbb\xbflogin,name,sha256\r\n\"a\r\nb\",c,d\r\n", "login,name,token\n\"", "login,name,token\na\"b,c,d\n,,\n",
		`{"login":"ada@acme.example","name":"Export","token":"` + foreign + `"}`, `{"a":{"b":[`, "{}\n{}\n{", "{\"enabled\":null}\n\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tokens, faults, err := read("-", "", text)
		last := 0
		for _, fault := range faults {
			if fault.Line < last || fault.Line > strings.Count(text, "\n")+1 || fault.Why == "" {
				t.Errorf("%q: %+v", text, faults)
			}
			last = fault.Line
		}
		for _, token := range tokens {
			if token.Login == "" || token.Name == "" || token.Kind == "" || token.Secret.Hash == (keyporter.SecretHash{}) {
				t.Errorf("%q: %+v", text, token)
			}
		}
		if err != nil && len(tokens)+len(faults) > 0 {
			t.Errorf("%q: %v beside what was read", text, err)
		}
	})
}

func TestTheGuidesExamplesCanBeImported(t *testing.T) {
	examples := 0
	for _, b := range blocks(t, "../../docs/how-to/import-tokens.md") {
		if b.language != "csv" && b.language != "json" {
			continue
		}
		examples++
		if tokens, faults, err := read("-", "", b.text); err != nil || len(faults) > 0 || len(tokens) == 0 {
			t.Errorf("%s\n%d tokens, %v, %v", b.text, len(tokens), faults, err)
		}
	}
	if examples != 2 {
		t.Errorf("%d examples", examples)
	}
}
